#!/usr/bin/env python3
"""Writes CHANGELOG.md as a Debian changelog to standard output:

    changelog.py "NAME <ADDRESS>" SECONDS

A version without a date in its heading ("0.1.0, unreleased") gets SECONDS since 1970.
"""
import datetime
import email.utils
import pathlib
import re
import sys
import textwrap

UTC = datetime.timezone.utc
TEXT = pathlib.Path(__file__).resolve().parents[2].joinpath("CHANGELOG.md").read_text()


def stamp(heading, otherwise):
    day = re.search(r"\d{4}-\d\d-\d\d", heading)
    moment = datetime.datetime.fromisoformat(day[0]) if day else otherwise
    return email.utils.format_datetime(moment.replace(tzinfo=UTC))


def main():
    if len(sys.argv) != 3:
        sys.exit('usage: changelog.py "NAME <ADDRESS>" SECONDS')
    maintainer, seconds = sys.argv[1:]
    otherwise = datetime.datetime.fromtimestamp(int(seconds), UTC)
    for release in re.split(r"^## ", TEXT, flags=re.M)[1:]:
        heading, _, body = release.partition("\n")
        print(f"nzbpipe ({heading.split(',')[0].strip()}) unstable; urgency=medium\n")
        for item in re.split(r"\n\n|\n(?=- )", body.strip()):
            words = " ".join(item.removeprefix("- ").split())
            print(textwrap.fill(words, 78, initial_indent="  * ", subsequent_indent="    ",
                                break_on_hyphens=False, break_long_words=False))
        print(f"\n -- {maintainer}  {stamp(heading, otherwise)}\n")


main()
