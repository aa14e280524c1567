package transition

import "testing"

// TestWhatStaysIsJudgedAsItIs is law 2: the state that the plan produces is judged,
// and what stays has its own metadata in it.
func TestWhatStaysIsJudgedAsItIs(t *testing.T) {
	check(t, []test{
		{
			name:  "a library goes back, and who is linked with the newer one stays",
			world: world{now: "dev-libs/pcre-10:0/1\nsys-apps/grep-2 rd=dev-libs/pcre:0/1=", wish: "dev-libs/pcre-10:0/1 -> dev-libs/pcre-8:0/0"},
			want:  "pcre-10 stays: grep-2 slot-operator dev-libs/pcre:0/1=",
		},
		{
			name:  "the same told by sonames alone",
			world: world{now: "dev-libs/pcre-10 has=libpcre.so.1\nsys-apps/grep-2 needs=libpcre.so.1", wish: "dev-libs/pcre-10 -> dev-libs/pcre-8 has=libpcre.so.0"},
			want:  "pcre-10 stays: grep-2 soname x86_64: libpcre.so.1",
		},
		{
			name:  "both go back",
			world: world{now: "dev-libs/pcre-10:0/1\nsys-apps/grep-2 rd=dev-libs/pcre:0/1=", wish: "dev-libs/pcre-10:0/1 -> dev-libs/pcre-8:0/0\nsys-apps/grep-2 -> sys-apps/grep-1 rd=dev-libs/pcre:0/0="},
			want:  "merge grep-1 pcre-8",
		},
		{
			name: "what cannot come back keeps those that need it",
			world: world{
				now:  "dev-libs/a-2\napp-misc/b-2\napp-misc/c-2\napp-misc/d-2",
				wish: "app-misc/b-2 -> app-misc/b-1 rd=<dev-libs/a-2\napp-misc/c-2 -> app-misc/c-1 rd=~app-misc/b-1\napp-misc/d-2 -> app-misc/d-1",
			},
			want: "merge d-1\nb-2 stays: b-1 depend <dev-libs/a-2\nc-2 stays: c-1 depend ~app-misc/b-1",
		},
		{
			name:  "a package that is to go stays where one that comes back needs it",
			world: world{now: "dev-libs/x-2\napp-misc/b-2", wish: "dev-libs/x-2 -> -\napp-misc/b-2 -> app-misc/b-1 rd=||,(,dev-libs/w,dev-libs/x,)"},
			want:  "merge b-1\nx-2 stays: b-1 depend || ( dev-libs/w dev-libs/x )",
		},
		{
			name:  "a package that is to go stays where one that stays needs it",
			world: world{now: "dev-libs/x-2\napp-misc/b-2 rd=dev-libs/x", wish: "dev-libs/x-2 -> -"},
			want:  "x-2 stays: b-2 depend dev-libs/x",
		},
		{
			name:  "what is lacking today is no news",
			world: world{now: "dev-libs/x-2\napp-misc/b-2 rd=>=dev-libs/x-3", wish: "dev-libs/x-2 -> dev-libs/x-1"},
			want:  "merge x-1",
		},
		{
			name:  "USE dependencies",
			world: world{now: "dev-libs/x-2 iuse=ssl use=ssl\napp-misc/b-2 rd=dev-libs/x[ssl]", wish: "dev-libs/x-2 -> dev-libs/x-2 iuse=ssl"},
			want:  "x-2 stays: b-2 depend dev-libs/x[ssl]",
		},
		{
			name:  "PDEPEND counts like RDEPEND, IDEPEND of what is merged only",
			world: world{now: "dev-libs/x-2\napp-misc/b-2 pd=>=dev-libs/x-2\napp-misc/c-1 id=dev-libs/gone", wish: "dev-libs/x-2 -> dev-libs/x-1\napp-misc/c-1 -> app-misc/c-0 id=dev-libs/gone"},
			want:  "x-2 stays: b-2 depend >=dev-libs/x-2\nc-1 stays: c-0 depend dev-libs/gone",
		},
		{
			name:  "a blocker of what stays",
			world: world{now: "dev-libs/x-2\napp-misc/b-2 rd=!<dev-libs/x-2", wish: "dev-libs/x-2 -> dev-libs/x-1"},
			want:  "x-2 stays: b-2 blocker !<dev-libs/x-2",
		},
		{
			name:  "a blocker of what comes back",
			world: world{now: "dev-libs/x-2\napp-misc/b-2", wish: "app-misc/b-2 -> app-misc/b-1 rd=!dev-libs/x"},
			want:  "b-2 stays: b-1 blocker !dev-libs/x",
		},
		{
			name:  "package.provided counts as installed, whatever slot is asked for",
			world: world{now: "app-misc/b-2", provided: "dev-libs/p-1", wish: "app-misc/b-2 -> app-misc/b-1 rd=dev-libs/p:3[ssl]"},
			want:  "merge b-1",
		},
		{
			name:  "package.provided of the wrong version",
			world: world{now: "app-misc/b-2", provided: "dev-libs/p-1", wish: "app-misc/b-2 -> app-misc/b-1 rd=>=dev-libs/p-2"},
			want:  "b-2 stays: b-1 depend >=dev-libs/p-2",
		},
		{
			name:  "a library that nothing provides is unknown, unless what is installed lives without it, too",
			world: world{now: "app-misc/b-2\napp-misc/d-2 needs=libc.so.6\napp-misc/c-2", wish: "app-misc/b-2 -> app-misc/b-1 needs=libz.so.1\napp-misc/c-2 -> app-misc/c-1 needs=libc.so.6"},
			want:  "merge b-1 c-1\ndoubt: b-1 soname-unprovided x86_64: libz.so.1",
		},
		{
			name:  "the C library does not go, and none that refuses takes the place of a newer one",
			world: world{now: "sys-libs/glibc-2.40", wish: "sys-libs/glibc-2.40 -> sys-libs/glibc-2.39 phases=pretend"},
			want:  "glibc-2.40 stays: glibc-2.39 libc >=sys-libs/glibc-2.40: its own phases refuse to replace a newer version",
		},
		{
			name:  "glibc refuses no older revision",
			world: world{now: "sys-libs/glibc-2.40-r5", wish: "sys-libs/glibc-2.40-r5 -> sys-libs/glibc-2.40-r2 phases=pretend"},
			want:  "merge glibc-2.40-r2",
		},
	})
}

// TestWorldAsks holds that @world is a constraint: Portage puts no older version in
// the place of what it asks for.
func TestWorldAsks(t *testing.T) {
	check(t, []test{
		{
			name:  "an atom of the world file is taken out first",
			world: world{now: "app-misc/m-2", selected: ">=app-misc/m-2 app-misc/m", wish: "app-misc/m-2 -> app-misc/m-1"},
			want:  "deselect >=app-misc/m-2\nmerge m-1",
		},
		{
			name:  "an atom of a set or of the profile cannot be",
			world: world{now: "app-misc/m-2", profile: ">=app-misc/m-2", wish: "app-misc/m-2 -> app-misc/m-1"},
			want:  "m-2 stays: m-2 set >=app-misc/m-2 of profile",
		},
		{
			name:  "a slot that is asked for",
			world: world{now: "app-misc/m-2:2", profile: "app-misc/m:2", wish: "app-misc/m-2:2 -> app-misc/m-1:1"},
			want:  "m-2 stays: m-2 set app-misc/m:2 of profile",
		},
		{
			name:  "what goes altogether is said",
			world: world{now: "app-editors/nano-2\nvirtual/editor-0 rd=app-editors/nano", profile: "virtual/editor", wish: "app-editors/nano-2 -> -\nvirtual/editor-0 -> -"},
			want:  "unmerge editor-0 nano-2\nnothing satisfies virtual/editor",
		},
		{
			name:  "what is not satisfied today need not be",
			world: world{now: "app-misc/m-2", profile: ">=app-misc/m-3", wish: "app-misc/m-2 -> app-misc/m-1"},
			want:  "merge m-1",
		},
	})
}
