"""Divides the clips of a table into two lists, so that no group is in both: one to learn from, one to choose models by.
Whoever chooses by the clips that the model is measured on measures the choice.

    python3 models/split.py TABLE.csv FIT.txt DEV.txt --share 0.8 --seed S [--strata category] [--prepared PREPARED.csv]

TABLE.csv has the columns file, relative to it, and --group's, default group. Each value of --strata's column, and in it each
beginning up to a colon, gives DEV about its part. Groups stay whole; large ones tend to go to FIT, which leaves DEV more
different ones. The lists name the files, relative to themselves; with --prepared, the table of a folder that avsound prepare
made, the clips that were made of them. Both can be given to avsound prepare or, with --prepared, to avsound train.
"""
import argparse
import collections
import csv
import os
import random
import sys


def read_table(path):
    with open(path, encoding='utf-8', newline='') as table:
        return list(csv.DictReader(table))


def clips_by_source(path):
    """Without those that could not be prepared or are flagged."""
    folder = os.path.dirname(os.path.abspath(path))
    return {row['source']: os.path.join(folder, row['file']) for row in read_table(path) if row['file'] and not row['flags']}


def rows_by_group(rows, column):
    groups = collections.defaultdict(list)
    for row in rows:
        groups[row[column]].append(row)
    return groups


def choose(groups, strata, share, draw):
    """The names of the groups that are held back: in the order of their strata, each as soon as it is owed."""
    def stratum(name):
        values = collections.Counter(row[strata] for row in groups[name]) if strata else {'': 1}
        value = max(sorted(values), key=values.get)
        return value.split(':')[0], value

    names = sorted(groups)
    draw.shuffle(names)
    names.sort(key=stratum)
    owed, chosen = draw.uniform(-0.5, 0.5), set()
    for name in names:
        size = len(groups[name])
        owed += (1 - share) * size
        if owed >= size / 2:
            chosen.add(name)
            owed -= size
    return chosen


def write_list(path, files):
    folder = os.path.dirname(os.path.abspath(path))
    with open(path + '.part', 'w', encoding='utf-8') as out:
        out.writelines(os.path.relpath(file, folder) + '\n' for file in sorted(files))
    os.rename(path + '.part', path)


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('table', metavar='TABLE.csv')
    parser.add_argument('fit', metavar='FIT.txt')
    parser.add_argument('dev', metavar='DEV.txt')
    parser.add_argument('--share', type=float, default=0.8, help='of the clips, for FIT; default 0.8')
    parser.add_argument('--seed', type=int, default=1, metavar='S')
    parser.add_argument('--group', default='group', metavar='COLUMN')
    parser.add_argument('--strata', metavar='COLUMN')
    parser.add_argument('--prepared', metavar='PREPARED.csv')
    o = parser.parse_args()
    if not 0 < o.share < 1:
        parser.error('--share is between 0 and 1')
    return o


def main():
    o = options()
    try:
        rows = read_table(o.table)
        folder = os.path.dirname(os.path.realpath(o.table))
        for row in rows:
            row['path'] = os.path.join(folder, row['file'])
        if o.prepared:
            clips = clips_by_source(o.prepared)
            rows = [dict(row, path=clips[row['path']]) for row in rows if row['path'] in clips]
        groups = rows_by_group(rows, o.group)
        held_back = choose(groups, o.strata, o.share, random.Random(o.seed))
        write_list(o.fit, [row['path'] for row in rows if row[o.group] not in held_back])
        write_list(o.dev, [row['path'] for row in rows if row[o.group] in held_back])
    except KeyError as error:
        sys.exit(f'{o.table}: no column {error.args[0]}')
    except OSError as error:
        sys.exit(f'{sys.argv[0]}: {error}')
    dev = sum(row[o.group] in held_back for row in rows)
    print(f'{len(rows) - dev} clips of {len(groups) - len(held_back)} groups, {dev} of {len(held_back)}')


if __name__ == '__main__':
    main()
