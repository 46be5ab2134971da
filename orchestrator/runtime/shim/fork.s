// This file lets fork.go declare functions of package syscall without a body.
