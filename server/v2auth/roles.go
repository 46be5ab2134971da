package v2auth

import (
	"context"
	"net/http"
	"slices"

	"github.com/petcd/petcd/storage/v2store"
)

// Roles lists the roles by name, root among them.
func (s *Store) Roles() ([]string, error) {
	names, err := s.names(rolesPath)
	if err != nil {
		return nil, err
	}
	names = append(names, Root)
	slices.Sort(names)
	return names, nil
}

// Role is one role as this member sees it.
func (s *Store) Role(name string) (Role, error) {
	if r := s.role(s.view(), name); r != nil {
		return *r, nil
	}
	return Role{}, noRole(name)
}

// readRole is nil for one that is not there, and tells which change the document is of.
func (s *Store) readRole(name string) (*Role, uint64, error) {
	if name == Root {
		root := everything(Root)
		return &root, 0, nil
	}
	d, err := s.readNamed(rolesPath, name)
	if err != nil || d == nil {
		return nil, 0, err
	}
	r, err := decodeRole(d.value)
	if err != nil {
		return nil, 0, err
	}
	return &r, d.index, nil
}

// CreateRole adds a role.
func (s *Store) CreateRole(ctx context.Context, r Role) error {
	if r.Role == Root {
		return rootRoleStays(r.Role)
	}
	err := s.create(ctx, rolesPath, r.Role, r)
	if refusedWith(err, v2store.CodeNodeExists) {
		return refuse(http.StatusConflict, "Role %s already exists.", r.Role)
	}
	if err == nil {
		s.logger.Info("created a new role", "role-name", r.Role)
	}
	return err
}

// UpdateRole grants and revokes permissions, from what the role is at the moment (I2).
func (s *Store) UpdateRole(ctx context.Context, request Role) (Role, error) {
	if request.Role == Root {
		return Role{}, rootRoleStays(request.Role)
	}
	r, err := update(ctx, s, rolesPath, request.Role, s.readRole, func(old *Role) (r Role, err error) {
		if old == nil {
			return r, noRole(request.Role)
		}
		if r, err = old.changed(request); err == nil && same(*old, r) {
			err = refuse(http.StatusBadRequest, "Role not updated. Use grant/revoke to update the role.")
		}
		return r, err
	})
	if err == nil {
		s.logger.Info("updated a new role", "role-name", r.Role)
	}
	return r, err
}

// DeleteRole removes a role. Users keep its name, which then grants nothing.
func (s *Store) DeleteRole(ctx context.Context, name string) error {
	if name == Root {
		return rootRoleStays(name)
	}
	err := s.remove(ctx, rolesPath, name)
	if refusedWith(err, v2store.CodeKeyNotFound) {
		return refuse(http.StatusNotFound, "Role %s doesn't exist.", name)
	}
	if err == nil {
		s.logger.Info("deleted a role", "role-name", name)
	}
	return err
}

func rootRoleStays(name string) *Refusal {
	return refuse(http.StatusForbidden, "Cannot modify role %s: is root role.", name)
}
