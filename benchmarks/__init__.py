"""What regrow costs, as ratios to the BEAM, to other libraries and to floors, all measured in one run.

    cases.py      what is measured, and what it is to reach
    ours/         regrow doing it
    others/       the BEAM, other libraries and the floors doing the same
    measure.py    what all of these share: a stopwatch, resident memory, one line of JSON for each measurement
    runner.py     every case in every contestant, in turn, each in a program of its own, several rounds
    table.py      the ratios, with their spread
    picture.py    the same, drawn

`python -m benchmarks` runs it; `make bench` prepares what it needs and writes docs/benchmarks.md.
"""
