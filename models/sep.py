"""Lists clips for sep-s: python3 models/sep.py WORLD ... prints the videos in folders of avsound-world in which something on screen
sounds and nothing else does: their whole sound belongs to their pictures.
"""
import glob
import json
import os
import sys


def belongs(truth):
    with open(truth) as file:
        sounding = [thing for thing in json.load(file)["things"] if thing["sounding"] and thing["events"]]
    return bool(sounding) and all(thing["on_screen"] for thing in sounding)


def main():
    for folder in sys.argv[1:]:
        for truth in sorted(glob.glob(os.path.join(folder, "clip-*.json"))):
            if belongs(truth):
                print(os.path.abspath(truth[:-len("json")] + "mp4"))


if __name__ == "__main__":
    main()
