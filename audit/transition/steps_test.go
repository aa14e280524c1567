package transition

import "testing"

// TestBlockersOnTheWay holds that not only the end counts: Portage excuses what
// has the slot of the merged package for a weak blocker, never for a strong one.
func TestBlockersOnTheWay(t *testing.T) {
	check(t, []test{
		{
			name:  "the newer version strongly blocks the older one of itself",
			world: world{now: "app-misc/x-2 rd=!!<app-misc/x-2", wish: "app-misc/x-2 -> app-misc/x-1"},
			want:  "unmerge first x-2\nmerge x-1",
		},
		{
			name:  "weakly: it is replaced",
			world: world{now: "app-misc/x-2 rd=!<app-misc/x-2", wish: "app-misc/x-2 -> app-misc/x-1"},
			want:  "merge x-1",
		},
		{
			name:  "a strong blocker of itself never ends",
			world: world{now: "app-misc/x-2", wish: "app-misc/x-2 -> app-misc/x-1 rd=!!app-misc/x"},
			want:  "x-2 stays: x-1 blocker !!app-misc/x",
		},
		{
			name:  "the newer program strongly blocks the older library",
			world: world{now: "dev-libs/lib-2\napp-misc/app-2 rd=!!<dev-libs/lib-2", wish: "dev-libs/lib-2 -> dev-libs/lib-1\napp-misc/app-2 -> app-misc/app-1 rd=dev-libs/lib"},
			want:  "unmerge first app-2\nmerge app-1 lib-1",
		},
		{
			name:  "the older program strongly blocks the newer library",
			world: world{now: "dev-libs/lib-2\napp-misc/app-2", wish: "dev-libs/lib-2 -> dev-libs/lib-1\napp-misc/app-2 -> app-misc/app-1 id=!!>=dev-libs/lib-2"},
			want:  "unmerge first lib-2\nmerge app-1 lib-1",
		},
		{
			name:  "a package that goes and blocks what comes back",
			world: world{now: "dev-libs/lib-2:2 rd=!dev-libs/lib:1\napp-misc/app-2", wish: "dev-libs/lib-2:2 -> -\n- -> dev-libs/lib-1:1\napp-misc/app-2 -> app-misc/app-1 rd=dev-libs/lib"},
			want:  "unmerge first lib-2\nmerge app-1 lib-1",
		},
		{
			name:  "a package that goes and needs what is replaced",
			world: world{now: "dev-libs/lib-2\napp-misc/plugin-1 rd=>=dev-libs/lib-2", wish: "dev-libs/lib-2 -> dev-libs/lib-1\napp-misc/plugin-1 -> -"},
			want:  "unmerge first plugin-1\nmerge lib-1",
		},
		{
			name:  "a package that is in nobody's way goes last",
			world: world{now: "dev-libs/lib-2\napp-misc/plugin-1 rd=dev-libs/lib", wish: "dev-libs/lib-2 -> dev-libs/lib-1\napp-misc/plugin-1 -> -"},
			want:  "merge lib-1\nunmerge plugin-1",
		},
	})
}

// TestWhatRunsThePlan holds that a plan takes away nothing that it needs itself.
func TestWhatRunsThePlan(t *testing.T) {
	portage := "sys-apps/portage-3 rd=dev-lang/python:3.12,app-arch/tar\ndev-lang/python-3.12.1:3.12 rd=dev-libs/expat needs=libssl.so.3\ndev-libs/expat-2\ndev-libs/openssl-3 has=libssl.so.3\napp-arch/tar-1\n"
	check(t, []test{
		{
			name:  "Portage and its Python",
			world: world{now: portage, wish: "sys-apps/portage-3 -> -\ndev-lang/python-3.12.1:3.12 -> -"},
			want:  "portage-3 stays: portage-3 runs-plan Portage does not unmerge itself\npython-3.12.1 stays: python-3.12.1 runs-plan nothing could be merged any more without it",
		},
		{
			name:  "a library of Python that would have to go before another comes",
			world: world{now: portage, wish: "dev-libs/expat-2 -> dev-libs/expat-1 rd=!!>=dev-libs/expat-2"},
			want:  "expat-2 stays: expat-2 runs-plan it would have to be unmerged first, and the plan cannot go on without it",
		},
		{
			name:  "one that only a soname tells of",
			world: world{now: portage, wish: "dev-libs/openssl-3 -> dev-libs/openssl-3 rd=!!dev-libs/libressl has=libssl.so.3\n"},
			want:  "merge openssl-3",
		},
		{
			name:  "another slot of Python may go",
			world: world{now: portage + "dev-lang/python-3.13.1:3.13", wish: "dev-lang/python-3.13.1:3.13 -> -"},
			want:  "unmerge python-3.13.1",
		},
		{
			name:  "the shell never goes",
			world: world{now: portage + "app-shells/bash-5", wish: "app-shells/bash-5 -> -"},
			want:  "bash-5 stays: bash-5 runs-plan nothing could be merged any more without it",
		},
	})
}
