package inventory

// Repository is an ebuild repository, as far as an ebuild that is gone can be found in
// its history.
type Repository struct {
	Name     string
	Location string
	SyncType string // as in repos.conf; empty if Portage does not sync it
	Main     bool
	Git      bool // it is a git checkout
	Shallow  bool // its history is cut
}
