package tables

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// rbac shows bindings; roles have the default table.
func rbac() []printer {
	return []printer{
		printerOf(bindingColumns("roleBinding", rbacv1.RoleBinding{}.SwaggerDoc()["roleRef"]),
			func(b *rbacv1.RoleBinding, at now) []any {
				return bindingCells(b.Name, b.RoleRef, at.age(b), b.Subjects)
			}),
		printerOf(bindingColumns("clusterRoleBinding", rbacv1.ClusterRoleBinding{}.SwaggerDoc()["roleRef"]),
			func(b *rbacv1.ClusterRoleBinding, at now) []any {
				return bindingCells(b.Name, b.RoleRef, at.age(b), b.Subjects)
			}),
	}
}

// bindingColumns are the same for both kinds of binding, which is what.
func bindingColumns(what, role string) columns {
	return columns{
		nameColumn(), col("Role", text, role), ageColumn(),
		wide("Users", "Users in the "+what),
		wide("Groups", "Groups in the "+what),
		wide("ServiceAccounts", "ServiceAccounts in the "+what),
	}
}

// bindingCells have the subjects sorted by kind.
func bindingCells(name string, role rbacv1.RoleRef, age string, subjects []rbacv1.Subject) []any {
	var users, groups, accounts []string
	for _, s := range subjects {
		switch s.Kind {
		case rbacv1.UserKind:
			users = append(users, s.Name)
		case rbacv1.GroupKind:
			groups = append(groups, s.Name)
		case rbacv1.ServiceAccountKind:
			accounts = append(accounts, slashed(s.Namespace, s.Name))
		}
	}
	return []any{
		name, slashed(role.Kind, role.Name), age, strings.Join(users, ", "), strings.Join(groups, ", "), strings.Join(accounts, ", "),
	}
}
