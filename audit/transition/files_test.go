package transition

import "testing"

// TestFilesMove holds that who gives a file up goes first. In which order one
// command merges, is the choice of the resolver.
func TestFilesMove(t *testing.T) {
	check(t, []test{
		{
			name:  "to a package that stays",
			world: world{now: "app-misc/a-2 /bin/a\napp-misc/z-2 /bin/moved", wish: "app-misc/a-2 -> app-misc/a-1 /bin/a /bin/moved"},
			want:  "a-2 stays: a-1 file-collision /bin/moved: app-misc/z-2 owns it and stays, and Portage does not overwrite what another package owns",
		},
		{
			name:  "to a package that goes back, too: by a command of its own",
			world: world{now: "app-misc/a-2 /bin/a\napp-misc/z-2 /bin/z /bin/moved", wish: "app-misc/a-2 -> app-misc/a-1 /bin/a /bin/moved\napp-misc/z-2 -> app-misc/z-1 /bin/z"},
			want:  "merge z-1\nmerge a-1",
		},
		{
			name: "where the state between is not sound, it is unmerged before",
			world: world{
				now:  "app-misc/a-2 rd=>=app-misc/z-2 /bin/a\napp-misc/z-2 /bin/z /bin/moved",
				wish: "app-misc/a-2 -> app-misc/a-1 /bin/a /bin/moved\napp-misc/z-2 -> app-misc/z-1 /bin/z",
			},
			want: "unmerge first z-2\nmerge a-1 z-1",
		},
		{
			name: "a ring",
			world: world{
				now:  "app-misc/a-2 /bin/x\napp-misc/z-2 /bin/y",
				wish: "app-misc/a-2 -> app-misc/a-1 /bin/y\napp-misc/z-2 -> app-misc/z-1 /bin/x",
			},
			want: "unmerge first a-2 z-2\nmerge a-1 z-1",
		},
		{
			name:  "to a package that goes",
			world: world{now: "app-misc/a-2 /bin/a\napp-misc/new-1 /bin/moved", wish: "app-misc/a-2 -> app-misc/a-1 /bin/a /bin/moved\napp-misc/new-1 -> -"},
			want:  "unmerge first new-1\nmerge a-1",
		},
		{
			name:  "under another name of the folder",
			world: world{disk: disk{"/lib": "d", "/lib64": "lib"}, now: "app-misc/a-2 /bin/a\napp-misc/new-1 /lib/tool", wish: "app-misc/a-2 -> app-misc/a-1 /lib64/tool\napp-misc/new-1 -> -"},
			want:  "unmerge first new-1\nmerge a-1",
		},
		{
			name:  "a protected configuration file may have two owners",
			world: world{disk: disk{"/etc": "d"}, now: "app-misc/a-2 /bin/a\napp-misc/b-1 /etc/shared.conf", wish: "app-misc/a-2 -> app-misc/a-1 /bin/a /etc/shared.conf"},
			want:  "merge a-1",
		},
		{
			name:  "COLLISION_IGNORE",
			world: world{now: "app-misc/a-2 /bin/a\napp-misc/b-1 /lib/x/y.pyc", wish: "app-misc/a-2 -> app-misc/a-1 /bin/a /lib/x/y.pyc"},
			want:  "merge a-1",
		},
		{
			name:  "without the features that protect files",
			world: world{features: "-protect-owned", now: "app-misc/a-2 /bin/a\napp-misc/b-1 /bin/b", wish: "app-misc/a-2 -> app-misc/a-1 /bin/a /bin/b"},
			want:  "merge a-1",
		},
		{
			name:  "a file that no package owns",
			world: world{disk: disk{"/bin/b": "f"}, now: "app-misc/a-2 /bin/a", wish: "app-misc/a-2 -> app-misc/a-1 /bin/a /bin/b"},
			want:  "merge a-1",
		},
		{
			name:  "with collision-protect",
			world: world{features: "collision-protect", disk: disk{"/bin/b": "f"}, now: "app-misc/a-2 /bin/a", wish: "app-misc/a-2 -> app-misc/a-1 /bin/a /bin/b"},
			want:  "a-2 stays: a-1 file-collision /bin/b: no package owns it, and FEATURES=collision-protect lets none overwrite it",
		},
		{
			name:  "two packages that come back have one file",
			world: world{now: "app-misc/a-2 /bin/a\napp-misc/b-2 /bin/b", wish: "app-misc/a-2 -> app-misc/a-1 /bin/x\napp-misc/b-2 -> app-misc/b-1 /bin/x"},
			want:  "merge a-1\nb-2 stays: b-1 file-collision /bin/x: app-misc/a-1 has it, too",
		},
		{
			name:  "a package without files in the place of one with files",
			world: world{now: "app-misc/a-2 /bin/a", wish: "app-misc/a-2 -> app-misc/a-1"},
			want:  "unmerge first a-2\nmerge a-1",
		},
		{
			name:  "a root whose files nobody has: what packages own counts",
			world: world{noDisk: true, now: "app-misc/a-2 /bin/a\napp-misc/z-2 /bin/moved", wish: "app-misc/a-2 -> app-misc/a-1 /bin/a /bin/moved"},
			want:  "a-2 stays: a-1 file-collision /bin/moved: app-misc/z-2 owns it and stays, and Portage does not overwrite what another package owns",
		},
	})
}

// TestFilesHaveTypes holds what Portage does where something of another type lies:
// a symbolic link over a folder is refused, or ends under another name.
func TestFilesHaveTypes(t *testing.T) {
	check(t, []test{
		{
			name:  "a link over a folder of its own",
			world: world{now: "app-misc/a-2 /data/f", wish: "app-misc/a-2 -> app-misc/a-1 /data->lib/data"},
			want:  "unmerge first a-2\nmerge a-1",
		},
		{
			name:  "a link over a folder with a file that nobody owns",
			world: world{disk: disk{"/data/mine": "f"}, now: "app-misc/a-2 /data/f", wish: "app-misc/a-2 -> app-misc/a-1 /data->lib/data"},
			want:  "a-2 stays: a-1 file-type /data is a folder that does not go, and the package has a symbolic link there",
		},
		{
			name:  "a link over a folder with a file that was changed",
			world: world{modified: "/data/f", now: "app-misc/a-2 /data/f", wish: "app-misc/a-2 -> app-misc/a-1 /data->lib/data"},
			want:  "a-2 stays: a-1 file-type /data is a folder that does not go, and the package has a symbolic link there",
		},
		{
			name:  "a link over a folder that another package uses",
			world: world{now: "app-misc/a-2 /data/f\napp-misc/b-1 /data/g", wish: "app-misc/a-2 -> app-misc/a-1 /data->lib/data"},
			want:  "a-2 stays: a-1 file-type /data is a folder that does not go, and the package has a symbolic link there",
		},
		{
			name:  "one that goes",
			world: world{now: "app-misc/a-2 /bin/a\napp-misc/b-1 /data/g", wish: "app-misc/a-2 -> app-misc/a-1 /data->lib/data\napp-misc/b-1 -> -"},
			want:  "unmerge first b-1\nmerge a-1",
		},
		{
			name:  "a file over a folder",
			world: world{now: "app-misc/a-2 /data/f", wish: "app-misc/a-2 -> app-misc/a-1 /data"},
			want:  "unmerge first a-2\nmerge a-1",
		},
		{
			name:  "a folder over a file",
			world: world{now: "app-misc/a-2 /data", wish: "app-misc/a-2 -> app-misc/a-1 /data/f"},
			want:  "unmerge first a-2\nmerge a-1",
		},
		{
			name:  "a folder over a link to a folder is merged into that",
			world: world{now: "app-misc/a-2 /data-2/f /data->data-2", wish: "app-misc/a-2 -> app-misc/a-1 /data/f"},
			want:  "merge a-1",
		},
	})
}
