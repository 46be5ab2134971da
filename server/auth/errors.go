package auth

import "errors"

// Refusals of requests. The API maps them to etcd's texts and codes.
var (
	// ErrRootUserNotExist is why authentication cannot be turned on without a user root.
	ErrRootUserNotExist = errors.New("auth: root user does not exist")

	// ErrRootRoleNotExist is why authentication cannot be turned on while the user root lacks the role root.
	ErrRootRoleNotExist = errors.New("auth: root user does not have root role")

	// ErrUserExists answers the addition of a user who is there.
	ErrUserExists = errors.New("auth: user already exists")

	// ErrUserEmpty answers a request that names nobody where somebody is needed: no caller, or no name to add.
	ErrUserEmpty = errors.New("auth: user name is empty")

	// ErrUserNotFound answers a request about a user who is not there.
	ErrUserNotFound = errors.New("auth: user not found")

	// ErrRoleExists answers the addition of a role that is there.
	ErrRoleExists = errors.New("auth: role already exists")

	// ErrRoleNotFound answers a request about a role that is not there.
	ErrRoleNotFound = errors.New("auth: role not found")

	// ErrRoleEmpty answers the addition of a role without a name.
	ErrRoleEmpty = errors.New("auth: role name is empty")

	// ErrPermissionNotGiven answers a grant that holds no permission.
	ErrPermissionNotGiven = errors.New("auth: permission not given")

	// ErrLoginFailed answers a wrong name or password, without telling which.
	ErrLoginFailed = errors.New("auth: authentication failed, invalid user ID or password")

	// ErrNoPasswordUser answers a password for a user who has none, and one that is not encoded.
	ErrNoPasswordUser = errors.New("auth: authentication failed, password was given for no password user")

	// ErrPermissionDenied answers whoever may not do what he asks for.
	ErrPermissionDenied = errors.New("auth: permission denied")

	// ErrRoleNotGranted answers taking a role from a user who does not have it.
	ErrRoleNotGranted = errors.New("auth: role is not granted to the user")

	// ErrPermissionNotGranted answers taking a permission from a role that does not have it.
	ErrPermissionNotGranted = errors.New("auth: permission is not granted to the role")

	// ErrNotEnabled answers logins while authentication is off.
	ErrNotEnabled = errors.New("auth: authentication is not enabled")

	// ErrOldRevision answers a request that was let in under rules which have changed since.
	ErrOldRevision = errors.New("auth: revision in header is old")

	// ErrInvalidToken answers a token that is unknown, outdated, or not well signed.
	ErrInvalidToken = errors.New("auth: invalid auth token")

	// ErrInvalidManagement answers what would leave the cluster without its root, and malformed ranges.
	ErrInvalidManagement = errors.New("auth: invalid auth management")

	// ErrVerifyOnly answers logins on a member that has only the public half of the key for JWTs.
	ErrVerifyOnly = errors.New("auth: token signing attempted with verify-only key")
)

// Errors of a member that cannot start.
var (
	// ErrBadOptions marks a value of --auth-token that cannot be used.
	ErrBadOptions = errors.New("auth: invalid auth options")

	// ErrCorrupt marks records of users and roles that cannot be read.
	ErrCorrupt = errors.New("auth: damaged records")
)

// refusals are the answers that say something about the request and not about the state.
var refusals = []error{
	ErrRootUserNotExist, ErrRootRoleNotExist, ErrUserExists, ErrUserEmpty, ErrUserNotFound, ErrRoleExists, ErrRoleNotFound,
	ErrRoleEmpty, ErrPermissionNotGiven, ErrLoginFailed, ErrNoPasswordUser, ErrPermissionDenied, ErrRoleNotGranted,
	ErrPermissionNotGranted, ErrNotEnabled, ErrOldRevision, ErrInvalidManagement,
}

// IsRefusal tells whether an error of applying an entry is the answer to it.
func IsRefusal(err error) bool {
	for _, r := range refusals {
		if errors.Is(err, r) {
			return true
		}
	}
	return false
}
