package inventory

// Repository is an ebuild repository, in whose history a removed ebuild can be found.
type Repository struct {
	Name     string
	Location string
	SyncType string // as in repos.conf; empty if Portage does not sync it
	Main     bool
	Git      bool // it is a git checkout
	Shallow  bool // its history is not complete
}
