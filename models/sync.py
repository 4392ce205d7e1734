"""Lists clips for sync-s: python3 models/sync.py MOUTH GENERATED WORLD writes sync-fit.txt, sync-mouth.txt and sync-dev.txt.

MOUTH and GENERATED are folders that `avsound prepare` made of videos of a mouth, and of the generated clips in WORLD. Of the generated
ones those count in which something on screen sounds: the others have no lag to tell. Every ninth of the mouth's videos is kept
back in sync-dev.txt. sync-fit.txt has the rest, sync-mouth.txt too, with the mouth's three times.
"""
import csv
import json
import os
import sys


def prepared(folder):
    """(clip, source) of the usable clips; one word said twice begins alike, so that `duplicate` means nothing here."""
    with open(os.path.join(folder, "prepared.csv"), newline="") as table:
        return sorted((row["file"], row["source"]) for row in csv.DictReader(table)
                      if row["file"] and row["flags"] in ("", "duplicate"))


def is_decidable(world, source):
    name = os.path.splitext(os.path.basename(source))[0]
    with open(os.path.join(world, name + ".json")) as file:
        return any(thing["on_screen"] and thing["sounding"] and thing["events"] for thing in json.load(file)["things"])


def main():
    folder, generated, world = sys.argv[1:]
    mouth = [os.path.join(folder, clip) for clip, _ in prepared(folder)]
    things = [os.path.join(generated, clip) for clip, source in prepared(generated) if is_decidable(world, source)]
    held_back = mouth[4::9]
    seen = [clip for clip in mouth if clip not in held_back]
    for name, clips in (("sync-fit.txt", seen + things), ("sync-mouth.txt", 3 * seen + things), ("sync-dev.txt", held_back)):
        with open(name, "w") as file:
            file.write("\n".join(clips) + "\n")
        print(f"{name}: {len(clips)} clips")


if __name__ == "__main__":
    main()
