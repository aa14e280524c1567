#!/usr/bin/env python3
"""Ask Portage about made-up names, atoms and dependency strings.

    generate.py PORTAGE/lib COUNT SEED

writes COUNT rows into each of the *.tsv.gz beside this file: sentences of the
grammars in doc.go, a part of them damaged, and what Portage says of them. The
committed ones are of Portage 3.0.82+ (git a20ef27af), COUNT 1500, SEED 1.

Left out is where package atom deliberately differs from Portage; doc.go says
why: build ids of 0 or beyond nine digits, names of packages that end in a
version, wildcards without an asterisk, and how exactly a reduced dependency is
written that holds a || emptied by USE, or parentheses that say nothing.
"""

import gzip
import os
import random
import sys

os.environ["PORTAGE_NATIVE_DEP_PARSER"] = "0"
sys.path.insert(0, sys.argv[1])
COUNT, R = int(sys.argv[2]), random.Random(int(sys.argv[3]))
C = R.choice

import portage  # noqa: E402

portage._internal_caller = False

from portage.dep import (  # noqa: E402
    Atom,
    match_from_list,
    paren_enclose,
    use_reduce,
)
from portage.dep.soname.parse import parse_soname_deps  # noqa: E402
from portage.exception import InvalidAtom, InvalidData, InvalidDependString  # noqa: E402
from portage.versions import (  # noqa: E402
    _pkg_str,
    _unknown_repo,
    catpkgsplit,
    vercmp,
    ververify,
)

NUMBERS = "0 1 2 9 10 01 001 100 010 20240101 00 123456789012345678901234567890".split()
CATEGORIES = "app-misc dev-libs virtual x11-libs a _x 9cat c+c d.d".split()
NAMES = (
    "hello gtk+ font-adobe-100dpi foo-1a-b libX11 a_b 7zip c--d foo-r1 foo-bar x- p2p-2x"
).split()
FLAGS = "ssl X doc a@b c++ python_targets_python3_12".split()
SLOTS = "0 2 3.11 _s 0/1 0/1.1 2/35= 0= = * 2/x=".split()
WILDCARDS = (
    "*/* app-misc/* */hello */*+ dev-*/lib* =*/*-*9999* =app-misc/hel*-*_p* =*/hello-*1* "
    "*-libs/*X* */h**o app-misc/hello-1* =dev-libs/*-1* >=*/*-1"
).split()
ALPHABET = "abr_p-+.:/*=~<>!@[](),?019X"
EMPTY = "__const__/empty-any-of"


def version():
    v = ".".join(C(NUMBERS) for _ in range(C([1, 1, 2, 2, 2, 3, 4])))
    if R.random() < 0.2:
        v += C("abz")
    for _ in range(C([0, 0, 0, 1, 1, 2])):
        v += "_" + C(["alpha", "beta", "pre", "rc", "p"]) + C(["", *NUMBERS[:5]])
    if R.random() < 0.3:
        v += "-r" + C(["0", "1", "2", "01", "10"])
    return v


def damage(s, alphabet=ALPHABET):
    for _ in range(C([1, 1, 2])):
        if not s:
            break
        i, k = R.randrange(len(s)), R.random()
        s = s[:i] + ("" if 0.4 <= k < 0.7 else C(alphabet)) + s[i + (k >= 0.4) :]
    return s


def cp():
    return C(CATEGORIES) + "/" + C(NAMES)


def use_dep():
    flag = C(FLAGS) + C(["", "", "(+)", "(-)"])
    return C(["%s", "-%s", "%s=", "!%s=", "%s?", "!%s?"]) % flag


def atom(wildcards):
    s = C(["", "", "", "!", "!!"])
    k, wild = R.random(), False
    if wildcards and k < 0.5:
        s, wild = s + C(WILDCARDS), True
    elif k < 0.6:
        s += cp()
    elif k < 0.9:
        s += C(["=", "~", "<", "<=", ">", ">="]) + cp() + "-" + version()
        if R.random() < 0.15:
            s += "-" + C(["1", "3", "12", "01", "2a"])
    else:
        s += "=" + cp() + "-" + version() + "*"
    if R.random() < 0.4:
        s += ":" + C(SLOTS)
    if R.random() < 0.2:
        s += "::" + C(["gentoo", "guru", "a-b", "_l"])
    if R.random() < (0.1 if wild else 0.35):
        s += "[" + ",".join(use_dep() for _ in range(C([1, 1, 2, 3]))) + "]"
    return s


def deliberately_refused(a):
    if a.build_id is not None:
        return not 0 < a.build_id < 10**9 or catpkgsplit(a.cpv) is None
    return a.extended_syntax and "*" not in str(a)


def versions():
    a, b = version(), version()
    if R.random() < 0.4:
        b = damage(b, "019.ab_pr-c")
    if R.random() < 0.1:
        a = damage(a, "019.ab_pr-c")
    if a == b and not ververify(a):
        return None  # equal for vercmp before it looks
    c = vercmp(a, b)
    return a, b, "" if c is None else (c > 0) - (c < 0)


def cpvs():
    s = cp() + "-" + version()
    if R.random() < 0.2:
        s += "-" + C(["1", "r1", "2-r3", "x"])
    if R.random() < 0.4:
        s = damage(s)
    split = catpkgsplit(s) if "/" in s else None
    return (s, split[0], split[1], _pkg_str(s).version) if split else (s, "", "", "")


def syntax():
    mode = C(["command-line", "config-file", *"0123456789"])
    s = atom(mode == "config-file")
    if R.random() < 0.35:
        s = damage(s)
    try:
        if mode == "command-line":
            a = Atom(s)
        elif mode == "config-file":
            a = Atom(s, allow_wildcard=True, allow_repo=True)
        else:
            a = Atom(s, eapi=mode)
    except InvalidAtom:
        return mode, s, "invalid"
    return None if deliberately_refused(a) else (mode, s, "valid")


class Package:
    """What match_from_list looks at."""

    def __init__(self, cpv, slot, repo, build_id, iuse, use):
        self.cpv = _pkg_str(cpv, slot=slot, repo=repo or None, build_id=build_id or None)
        for name in ("cp", "version", "cpv_split", "slot", "sub_slot"):
            setattr(self, name, getattr(self.cpv, name))
        self.repo = repo or _unknown_repo
        self.iuse = self
        self.use = self
        self.enabled = frozenset(use)
        self.flags = frozenset(iuse)

    def is_valid_flag(self, flags):
        return flags in self.flags if isinstance(flags, str) else flags <= self.flags


def match():
    s = atom(R.random() < 0.4)
    try:
        a = Atom(s, allow_wildcard=True, allow_repo=True)
    except InvalidAtom:
        return None
    if deliberately_refused(a):
        return None
    base = cp() if "*" in a.cp or R.random() < 0.05 else a.cp
    v = a.version if a.version and "*" not in a.version and R.random() < 0.5 else version()
    near = damage(v, "019.-r_p") if R.random() < 0.15 else v
    cpv = base + "-" + (near if ververify(near) else v)
    split = catpkgsplit(cpv)
    if split is None or split[0] + "/" + split[1] != base:
        return None
    slot = (a.slot or C("02")) + ("/" + a.sub_slot if a.sub_slot else C(["", "", "/1"]))
    if R.random() < 0.1:
        slot = C(["0", "2", "0/1"])
    repo = C([a.repo or "gentoo", "gentoo", "", ""])
    iuse = [f for f in FLAGS if R.random() < 0.75]
    use = [f for f in iuse if R.random() < 0.5]
    build_id = a.build_id if a.build_id and R.random() < 0.7 else C([0, 1, 3])
    parent = [f for f in FLAGS if R.random() < 0.5]
    mode = C(["raw", "evaluated"])
    if mode == "evaluated" and a.use:
        if a.repo or a.blocker:
            return None  # Portage forgets the one, and evaluates the other in vain
        a = a.evaluate_conditionals(set(parent))
    found = match_from_list(a, [Package(cpv, slot, repo, build_id, iuse, use)])
    if not found and R.random() < 0.5:
        return None
    verdict = "match" if found else "no"
    return s, mode, " ".join(parent), a, cpv, slot, repo, build_id, " ".join(iuse), " ".join(use), verdict


ITEMS = {
    "atoms": "a/a a/b a/c !a/d >=a/e-1:2 a/f[ssl] a/g[X?] a/h:= !!a/i".split(),
    "names": "GPL-2 BSD LGPL-2.1+ test".split(),
}
GROUPS = ["", " ", "a? ", "b? ", "!a? ", "!c? ", *["|| "] * 4]


def node(kind, depth):
    if depth <= 0 or R.random() < 0.45:
        return C(ITEMS[kind])
    members = [node(kind, depth - 1) for _ in range(C([1, 1, 2, 3]) if R.random() < 0.97 else 0)]
    return " ".join([C(GROUPS), "(", *members, ")"])


def dep_string(kind):
    nodes = [node(kind, C([1, 2, 3, 4])) for _ in range(C([0, 1, 1, 2, 3]))]
    return " ".join(" ".join(nodes).split())


def deps():
    kind, eapi = C(["atoms", "atoms", "names"]), C("5678")
    tokens = dep_string(kind).split()
    if tokens and R.random() < 0.15:
        i = R.randrange(len(tokens))
        tokens[i : i + 1] = C([[], ["("], [")"], ["||"], ["a?"], tokens[i : i + 1] * 2, ["!?"], ["-?"]])
    s, use = " ".join(tokens), [f for f in "abc" if R.random() < 0.5]
    try:
        tree = use_reduce(s, use, eapi=eapi, token_class=Atom if kind == "atoms" else None)
    except InvalidDependString:
        return kind, eapi, s, " ".join(use), "invalid", "", ""

    def unevaluated(part):
        if isinstance(part, list):
            return [unevaluated(member) for member in part]
        return part.unevaluated_atom if isinstance(part, Atom) else part

    def normal(text):
        while True:
            again = paren_enclose(use_reduce(text, use, eapi=eapi))
            if again == text:
                return text
            text = again

    reduced, evaluated = normal(paren_enclose(unevaluated(tree))), normal(paren_enclose(tree))
    if EMPTY in reduced and "||" in reduced:
        return None
    return kind, eapi, s, " ".join(use), "ok", reduced.replace(EMPTY, "|| ( )"), evaluated.replace(EMPTY, "|| ( )")


def sonames():
    tokens = "x86_64: x86_32: arm_64: libc.so.6 libssl.so.3 liba.so: a".split()
    s = " ".join(C(tokens) for _ in range(R.randrange(7)))
    try:
        return s, "ok", " ".join(f"{a.multilib_category}|{a.soname}" for a in parse_soname_deps(s))
    except InvalidData:
        return s, "invalid", ""


def write(name, make):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".tsv.gz")
    with open(path, "wb") as f, gzip.GzipFile("", "wb", 9, f, mtime=0) as out:
        rows = 0
        while rows < COUNT:
            row = make()
            if row is not None:
                out.write(("\t".join(map(str, row)) + "\n").encode())
                rows += 1


write("version", versions)
write("cpv", cpvs)
write("atom-syntax", syntax)
write("match", match)
write("dep", deps)
write("soname", sonames)
