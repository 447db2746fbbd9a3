#!/usr/bin/env python3
"""Writes what a Debian package has to say about licences, ours and those of all crates
that are linked into the programs:

    copyright.py DIR

writes DIR/copyright (DEP 5: who holds what under which terms) and DIR/third-party-notices
(the licence files of the crates and of Rust's standard library, word for word).

Which crates these are says cargo, for the machine it runs on; what their licences are say
their Cargo.toml and the files they bring. Fails if a crate names a licence that LICENCES
does not know, so that nobody takes in one unread.
"""
import collections
import html
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Where the text of a licence is found: a file of Debian's base-files, or one that a crate
# brings; its name ends like this if the crate has several licences.
COMMON = "On Debian systems the text is in /usr/share/common-licenses/%s."
LICENCES = {
    "Apache-2.0": COMMON % "Apache-2.0",
    "CC0-1.0": COMMON % "CC0-1.0",
    "Apache-2.0 with LLVM exception": "LLVM",
    "BSD-3-Clause": None,
    "ISC": "ISC",
    "MIT": "MIT",
    "MIT-0": "MIT0",
    "Unicode-3.0": None,
    "Unlicense": "UNLICENSE",
    "Zlib": "ZLIB",
}

NOTICE = re.compile(r"(un)?licen[cs]e|copying|copyright|notice", re.I)
HOLDER = re.compile(r"\s*(?:[/#*-]+\s*)?((?:copyright\b|©).*\d{4}.*|copyright\s*(?:\(c\)|©).*)", re.I)
TEMPLATE = re.compile(r"\[yyyy\]|\{yyyy\}|copyright notice|copyright holder|<year>", re.I)

Crate = collections.namedtuple("Crate", "name version licence authors files")


def cargo(*arguments):
    run = subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return run.stdout


def linked():
    """The crates that are in the programs, without those that only build them."""
    host = re.search(r"^host: (.*)$", subprocess.check_output(["rustc", "-vV"], text=True), re.M)[1]
    tree = cargo("tree", "--locked", "--edges", "normal,no-proc-macro", "--target", host,
                 "--prefix", "none", "--package", "nzbpipe", "--format", "{p}")
    wanted = {tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()}
    known = json.loads(cargo("metadata", "--locked", "--format-version", "1",
                             "--filter-platform", host))["packages"]
    for package in sorted(known, key=lambda package: (package["name"], package["version"])):
        if package["source"] and (package["name"], "v" + package["version"]) in wanted:
            yield crate_of(package)


def crate_of(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    files = sorted(
        path for path in folder.rglob("*")
        if NOTICE.match(path.name) and path.is_file() and path.suffix in ("", ".md", ".txt")
    )
    texts = {str(path.relative_to(folder)): path.read_text(errors="replace") for path in files}
    # Its expression is the whole of it; a file alone may be any licence.
    if not package["license"]:
        sys.exit(f"copyright.py: {package['name']} names no licence; read its files")
    return Crate(package["name"], package["version"], package["license"], package["authors"], texts)


def groups(expression):
    """An SPDX expression as a list, all of which apply, of lists, one of which is taken."""
    expression = expression.replace(" WITH LLVM-exception", " with LLVM exception")
    depth, parts, part = 0, [], ""
    for token in re.split(r"(\(|\)| AND )", expression):
        depth += (token == "(") - (token == ")")
        if token == " AND " and depth == 0:
            parts.append(part)
            part = ""
        elif token not in ("(", ")"):
            part += token
    found = [re.split(r" OR |/", part.strip()) for part in [*parts, part]]
    for name in sum(found, []):
        if name not in LICENCES:
            sys.exit(f"copyright.py: the licence '{name}' is not known; read it, then add it")
    return found


def dep5(expression):
    """The same in the syntax of DEP 5, where a comma stands for the parentheses."""
    found = [" or ".join(names) for names in groups(expression)]
    return (", and " if any(" or " in name for name in found) else " and ").join(found)


def holders(crate):
    lines = []
    for text in crate.files.values():
        for line in text.splitlines():
            match = HOLDER.match(line)
            if match and not TEMPLATE.search(line):
                lines.append(re.sub(r"^(copyright|©|\(c\)|[:,\s])+", "", match[1], flags=re.I).strip(" .*"))
    if not lines and crate.authors:
        lines = [f"{author} (an author, as its Cargo.toml says)" for author in crate.authors]
    lines = lines or [f"the authors of {crate.name} (its files name nobody)"]
    return list(dict.fromkeys(lines))


def plain(text):
    """What two copies of a text have in common whatever their line ends and holders."""
    kept = (line for line in text.splitlines() if not HOLDER.match(line))
    return re.sub(r"\W+", "", "".join(kept)).lower()


def field(name, lines):
    indented = "".join(f" {line.rstrip()}\n" if line.strip() else " .\n" for line in lines)
    return f"{name}:{indented}" if len(lines) == 1 else f"{name}:\n{indented}"


def text_of(name, crates):
    """The text of a licence, as most of the crates have it."""
    where = LICENCES[name]
    if where and where.startswith("On Debian"):
        return [where]
    found, shown = collections.Counter(), {}
    for crate in crates:
        terms = groups(crate.licence)
        for path, text in crate.files.items():
            named = where and path.upper().split(".")[0].endswith(where)
            if terms == [[name]] or (named and name in sum(terms, [])):
                found[plain(text)] += 1
                shown.setdefault(plain(text), text)
    if not found:
        sys.exit(f"copyright.py: no crate brings the text of {name}")
    text = shown[max(found, key=lambda key: (found[key], key))]
    lines = "\n".join(line for line in text.splitlines() if not HOLDER.match(line))
    # What base-files has is not repeated, only the exception is given.
    _, mark, exception = lines.partition("LLVM Exceptions to the Apache 2.0 License ----\n")
    if mark:
        lines = "Apache-2.0 (see there), and:\n\n" + exception.strip()
    return lines.strip().splitlines()


def rust_notices():
    """What the toolchain says about the standard library; it may have been left out."""
    sysroot = subprocess.check_output(["rustc", "--print", "sysroot"], text=True).strip()
    path = pathlib.Path(sysroot, "share/doc/rust/COPYRIGHT-library.html")
    if not path.exists():
        return ""
    text = html.unescape(re.sub(r"<[^>]+>", "", path.read_text(errors="replace")))
    return re.sub(r"\n\s*\n\s*\n+", "\n\n", text).strip()


HEADER = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: nzbpipe
Source: the repository of nzbpipe
Comment:
 The programs are linked with the crates below, which are not in the source of nzbpipe.
 Their paths are those that cargo vendor gives them. Each stanza has the licence that
 the crate states and the holders that its licence files name. All these files, word
 for word, are in /usr/share/doc/nzbpipe/third-party-notices.gz. Crates that only help
 to build the programs are not listed.

Files: *
Copyright: {holders}
License: MIT or Apache-2.0
"""

RUST = """\
Files: rust/library/*
Copyright: The Rust Project Developers (see https://thanks.rust-lang.org)
License: MIT or Apache-2.0
Comment: The standard library of {version}. Parts of it, and the crates that it is
 linked with, have other holders and similar licences, among them Unicode-3.0 for tables
 and Apache-2.0 with LLVM exception in compiler-builtins.
 {more}
"""


def write_copyright(path, crates, notices):
    ours = Crate("nzbpipe", "", "", [], {"": (ROOT / "LICENSE-MIT").read_text()})
    version = subprocess.check_output(["rustc", "-V"], text=True).split(" (")[0].strip()
    more = ("What Rust says about them is in third-party-notices.gz." if notices else
            "The toolchain that built this package brought no list of them.")
    names = {"MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 with LLVM exception"}
    with open(path, "w") as out:
        out.write(HEADER.format(holders=holders(ours)[0]))
        out.write("\n" + RUST.format(version=version, more=more))
        for crate in crates:
            names.update(sum(groups(crate.licence), []))
            out.write(f"\nFiles: vendor/{crate.name}-{crate.version}/*\n")
            out.write(field("Copyright", holders(crate)))
            out.write(f"License: {dep5(crate.licence)}\n")
        for name in sorted(names):
            out.write(f"\nLicense: {name}\n")
            out.write(field("", text_of(name, crates))[1:].lstrip("\n"))


def write_notices(path, crates, notices):
    """Each text once, before it the files that have it."""
    texts = collections.defaultdict(list)
    for crate in crates:
        for name, text in crate.files.items():
            texts[text.replace("\r\n", "\n").strip()].append(f"{crate.name}-{crate.version}/{name}")
    bar = "=" * 80
    with open(path, "w") as out:
        out.write("The licence files of the crates that the programs of nzbpipe are linked with.\n")
        for text, files in sorted(texts.items(), key=lambda item: item[1]):
            out.write("\n{}\n{}\n{}\n\n{}\n".format(bar, "\n".join(files), bar, text))
        if notices:
            out.write(f"\n{bar}\nThe standard library of Rust\n{bar}\n\n{notices}\n")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: copyright.py DIR")
    out = pathlib.Path(sys.argv[1])
    crates, notices = list(linked()), rust_notices()
    for crate in crates:
        if not crate.files:
            print(f"copyright.py: {crate.name} brings no licence file", file=sys.stderr)
    write_copyright(out / "copyright", crates, notices)
    write_notices(out / "third-party-notices", crates, notices)


main()
