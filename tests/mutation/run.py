#!/usr/bin/env python3
"""Would the tests notice? Changes one line at a time and runs what should fail.

  tests/mutation/run.py                  all mutants of mutants.txt
  tests/mutation/run.py NAME…            these only, again
  tests/mutation/run.py --file core/exec those whose file begins so
  tests/mutation/run.py --check          only that every line is still there
  tests/mutation/run.py --alone          each compiled by itself

The first run copies the project to build/mutation/tree and builds it there,
without ../shared. Results are kept in build/mutation/results.tsv: what stands
there is not run again, so that a run that was ended goes on. --again forgets
them. The last line is "N killed, N survived, N explained, N failed to build".

Most mutants are compiled together, each behind a switch that the environment
variable MG_MUTANT turns on: then only tests are run again and again. Where a
line cannot be chosen at run time its mutant is compiled alone.

mutants.txt holds blocks, separated by empty lines:

  name-of-the-mutant [N] [alone] N: which of several equal lines, from 1
  core/plan/schedule.cc
  - the line as it is
  + the line as it would be
  ? why nothing can notice       only for those that may survive

"tests PATH: BINARY…" lines say which test binaries can see files under PATH;
the longest path counts.
"""

import argparse
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

Mutant = collections.namedtuple("Mutant", "name nth alone file old new excuse")

# Stands first in a file with switches.
SWITCH = """\
#ifndef MG_MUTANT_SWITCH
#define MG_MUTANT_SWITCH
#include <cstdlib>
#include <cstring>
static inline bool MgMutant(const char* name) {
  static const char* const on = std::getenv("MG_MUTANT");
  return on != nullptr && std::strcmp(on, name) == 0;
}
#endif
"""


def read_mutants(path):
    """Returns (mutants, {path prefix: [test binaries]})."""
    mutants, tests = [], {}
    block = []

    def finish():
        if not block:
            return
        head = block[0].split()
        old = [l[2:].strip() for l in block if l.startswith("- ")]
        new = [l[2:].strip() for l in block if l.startswith("+ ") or l == "+"]
        excuse = [l[2:].strip() for l in block if l.startswith("? ")]
        if len(old) != 1 or len(new) != 1 or len(block) < 4:
            sys.exit(f"{path}: mutant {block[0]} wants a file, one '- ' and one '+ '")
        nth = sum(int(word) for word in head[1:] if word.isdigit())
        mutants.append(Mutant(head[0], nth, "alone" in head[1:], block[1].strip(),
                              old[0], new[0], " ".join(excuse)))
        block.clear()

    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        if line.startswith("#"):
            continue
        if line.startswith("tests "):
            where, names = line[len("tests "):].split(":")
            tests[where.strip()] = names.split()
        elif line.strip():
            block.append(line)
        else:
            finish()
    finish()
    names = [m.name for m in mutants]
    for name in names:
        if names.count(name) > 1:
            sys.exit(f"{path}: two mutants are called {name}")
    return mutants, tests


def tests_of(mutant, tests):
    fitting = [where for where in tests if mutant.file.startswith(where)]
    return tests[max(fitting, key=len)] if fitting else []


def place_of(mutant, lines):
    """The number of the mutant's line, or why it cannot be told."""
    places = [i for i, line in enumerate(lines) if line.strip() == mutant.old]
    if not places:
        return None, f"{mutant.file} has no line \"{mutant.old}\""
    if mutant.nth == 0 and len(places) > 1:
        return None, (f"{mutant.file} has {len(places)} lines \"{mutant.old}\":"
                      " say which one")
    if mutant.nth > len(places):
        return None, f"{mutant.file} has only {len(places)} such lines"
    return places[max(mutant.nth, 1) - 1], None


def check(mutants, tests):
    wrong = 0
    for mutant in mutants:
        try:
            lines = open(os.path.join(ROOT, mutant.file), encoding="utf-8").readlines()
            problem = place_of(mutant, lines)[1]
        except OSError as error:
            problem = str(error)
        if not problem and not tests_of(mutant, tests):
            problem = f"no tests are named for {mutant.file}"
        if problem:
            wrong += 1
            print(f"{mutant.name}: {problem}")
    if wrong:
        print(f"{wrong} mutants of tests/mutation/mutants.txt do not fit the "
              "code any more: change their lines with the code, or remove them")
    return wrong


def sh(command, cwd, log, timeout=None, env=None):
    """Whether the command succeeds; its output goes to `log`."""
    with open(log, "ab") as out:
        out.write(f"\n$ {' '.join(command)}\n".encode())
        out.flush()
        try:
            return subprocess.run(command, cwd=cwd, stdout=out, stderr=out,
                                  stdin=subprocess.DEVNULL, timeout=timeout,
                                  env={**os.environ, **(env or {})},
                                  check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False


def make_tree(work):
    """A copy of the project's files, configured."""
    tree = os.path.join(work, "tree")
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    wanted = set()
    for name in names:
        source = os.path.join(ROOT, name)
        if not name or not os.path.isfile(source):
            continue
        wanted.add(name)
        target = os.path.join(tree, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        same = os.path.isfile(target) and (
            open(source, "rb").read() == open(target, "rb").read())
        if not same:  # what is equal keeps its time and is not built again
            shutil.copy2(source, target)
            os.utime(target)
    for folder, _, files in os.walk(tree):
        if os.path.relpath(folder, tree).split(os.sep)[0] == "build":
            continue
        for name in files:
            path = os.path.join(folder, name)
            if os.path.relpath(path, tree) not in wanted:
                os.remove(path)
    empty = os.path.join(work, "no_shared")
    os.makedirs(empty, exist_ok=True)
    if not sh(["cmake", "--preset", "release", f"-DMG_SHARED_DIR={empty}",
               "-DMG_BUILD_BENCHMARKS=OFF"], tree, os.path.join(work, "log")):
        sys.exit(f"cannot configure; see {work}/log")
    return tree


def binary_of(build, test):
    for folder, _, files in os.walk(os.path.join(build, "tests")):
        if test in files:
            return os.path.join(folder, test)
    return None


def command_of(build, tree, test):
    """How the test binary is run."""
    binary = binary_of(build, test)
    if binary is None:
        return ["false"]
    if test == "golden_runner":
        cases = os.path.join(tree, "tests/golden")
        return [binary, f"--root={cases}/cases", f"--passing={cases}/own_passing.txt"]
    return [binary, "--gtest_fail_fast", "--gtest_brief=1"]


def run_unchanged(mutants, tests, tree, build, log):
    """How long each binary takes. Ends if one fails: it would kill everything."""
    seconds = {}
    for test in sorted({t for m in mutants for t in tests_of(m, tests)}):
        if not sh(["cmake", "--build", build, "--target", test], tree, log):
            sys.exit(f"{test} does not build; see {log}")
        start = time.monotonic()
        if not sh(command_of(build, tree, test), build, log):
            sys.exit(f"{test} fails without any mutant; see {log}")
        seconds[test] = time.monotonic() - start
    return seconds


# What may stand before an expression and after it on one line.
HEADS = r"(?:return |(?:[\w:<>]+ )*[\w.]+ = |if \(|while \(|[?:] )?"
TAILS = r"(?: (?:\|\||&&)|\)*[;,]|\)+(?: \{)?|\};)"


def is_balanced(text):
    depth = 0
    for c in re.sub(r"'.'|\"[^\"]*\"", "", text):
        depth += (c in "([{") - (c in ")]}")
        if depth < 0:
            return False
    return depth == 0


def as_statement(old, new, before):
    """Whether both are statements that may stand in braces."""
    declares = re.match(r"(const|auto|static|case|default|ASSIGN_OR_RETURN|[\w:<>]+ \w+( =|;))", old)
    begins = before == "" or before.startswith("//") or before[-1] in ";{}):"
    return (is_balanced(old) and is_balanced(new) and begins
            and old.endswith(";") and new.endswith(";")
            and (old.startswith("return ") or not declares)
            and (old[0] not in "?:&|<+-.\"[(" or old.startswith(("++", "::"))))


def as_expression(old, new):
    """(head, old expression, new expression, tail) if the lines differ in one."""
    head = re.match(HEADS, old)[0]
    for end in range(1, len(old) - len(head)):
        tail = old[-end:]
        if not (re.fullmatch(TAILS, tail) and new.endswith(tail) and new.startswith(head)):
            continue
        was, becomes = old[len(head):-end].strip(), new[len(head):-end].strip()
        if was and becomes and is_balanced(was) and is_balanced(becomes):
            return head, was, becomes, tail
    return None


def with_switch(mutants, before):
    """The line that chooses among mutants of it at run time; None if that cannot
    be. `before` is the line before it."""
    def plain(text):
        return re.sub(r"\s+// .*", "", text)

    old = plain(mutants[0].old)
    news = [plain(m.new) for m in mutants]
    on = [f'MgMutant("{m.name}")' for m in mutants]
    whole = re.compile(r"((?:\} else )?if \((?:[^;]*; )?|while \(|for \([^;]*; )([^;]*)"
                       r"(\)(?: \[\[\w+\]\])? \{|; [^;]*\) \{)")
    was, becomes = whole.fullmatch(old), [whole.fullmatch(new) for new in news]
    if was and all(new and (new[1], new[3]) == (was[1], was[3]) for new in becomes):
        choice = "".join(f"{o} ? ({new[2]}) : " for o, new in zip(on, becomes))
        return f"{was[1]}{choice}({was[2]}){was[3]}"
    if all(as_statement(old, new, before) for new in news):
        choice = "".join(f"if ({o}) {{ {new} }} else " for o, new in zip(on, news))
        return f"{choice}{{ {old} }}"
    # A part of an expression: what stands before must let it begin here.
    parts = [as_expression(old, new) for new in news]
    begins = (before == "" or before[-1] in ";{}:(,=&|?" or before.startswith("//")
              or old[0] in "?:")
    if not begins or not all(parts) or len({(p[0], p[1], p[3]) for p in parts}) > 1:
        return None
    head, was, _, tail = parts[0]
    if re.match(r"(case|default|for|#)\b", old) or ";" in was or "= {" in old:
        return None
    choice = "".join(f"{o} ? ({p[2]}) : " for o, p in zip(on, parts))
    return f"{head}({choice}({was})){tail}"


def mutate(mutants, tree, switches):
    """Changes the lines in the tree; returns {path: what it was}."""
    originals = {}
    by_file = collections.defaultdict(list)
    for mutant in mutants:
        by_file[os.path.join(tree, mutant.file)].append(mutant)
    for path, here in by_file.items():
        originals[path] = open(path, encoding="utf-8").read()
        lines = originals[path].splitlines(keepends=True)
        places = {m.name: place_of(m, lines)[0] for m in here}
        for place in set(places.values()):
            same = [m for m in here if places[m.name] == place]
            indent = lines[place][:len(lines[place]) - len(lines[place].lstrip())]
            text = same[0].new
            if switches:
                before = lines[place - 1].strip() if place > 0 else ""
                text = with_switch(same, before)
            lines[place] = indent + text + "\n"
        with open(path, "w", encoding="utf-8") as out:
            out.write((SWITCH if switches else "") + "".join(lines))
    return originals


def restore(originals):
    for path, text in originals.items():
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)


def judge(tests, seconds, tree, build, log, env=None):
    for test in tests:
        # One that hangs is noticed as well.
        patience = 60 + 10 * seconds[test]
        if not sh(command_of(build, tree, test), build, log, patience, env):
            return "killed", test
    return "survived", ""


def run_together(mutants, tests, seconds, tree, build, log, done):
    """Runs those that can be switched, and returns the others."""
    together, alone = [], []
    by_place = collections.defaultdict(list)
    for mutant in mutants:
        lines = open(os.path.join(tree, mutant.file), encoding="utf-8").read().split("\n")
        place, _ = place_of(mutant, lines)
        before = lines[place - 1].strip() if place else ""
        here = by_place[(mutant.file, place)]
        fits = (place is not None and not mutant.alone
                and with_switch(here + [mutant], before))
        if fits:
            here.append(mutant)
        (together if fits else alone).append(mutant)
    if not together:
        return alone
    originals = mutate(together, tree, switches=True)
    try:
        targets = sorted({t for m in together for t in tests_of(m, tests)})
        # All that do not fit are to be seen in one go.
        if not sh(["cmake", "--build", build, "--target"] + targets +
                  ["--", "-k", "0"], tree, log):
            sys.exit(f"the mutants do not build together; say \"alone\" for those "
                     f"named in {log}")
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            futures = {
                pool.submit(judge, tests_of(m, tests), seconds, tree, build,
                            f"{log}.{m.name}", {"MG_MUTANT": m.name}): m
                for m in together}
            for future in concurrent.futures.as_completed(futures):
                done(futures[future], *future.result())
    finally:
        restore(originals)
    return alone


def run_alone(mutant, tests, seconds, tree, build, log):
    """(result, by what): killed, survived, or broken if it does not build."""
    if place_of(mutant, open(os.path.join(tree, mutant.file),
                             encoding="utf-8").read().split("\n"))[0] is None:
        return "broken", "does not fit the code"
    originals = mutate([mutant], tree, switches=False)
    try:
        for test in tests:  # a header's mutant may need few of them
            # The cache takes a precompiled header for good that is not.
            env = {"CCACHE_DISABLE": "1"} if mutant.file.endswith(".h") else None
            if not sh(["cmake", "--build", build, "--target", test], tree, log, env=env):
                return "broken", "does not build"
            result = judge([test], seconds, tree, build, log)
            if result[0] == "killed":
                return result
        return "survived", ""
    finally:
        restore(originals)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--file", default="", help="only mutants of files that begin so")
    parser.add_argument("--check", action="store_true", help="run nothing")
    parser.add_argument("--alone", action="store_true", help="compile each by itself")
    parser.add_argument("--again", action="store_true", help="forget earlier results")
    parser.add_argument("--tree", help="mutate this checkout, which is configured in "
                        "build/release, and not a copy")
    parser.add_argument("--mutants", default=os.path.join(HERE, "mutants.txt"))
    args = parser.parse_args()
    mutants, tests = read_mutants(args.mutants)
    if args.check:
        sys.exit(1 if check(mutants, tests) else 0)

    unknown = set(args.names) - {m.name for m in mutants}
    if unknown:
        sys.exit(f"no mutant is called {', '.join(sorted(unknown))}")
    work = os.path.join(ROOT, "build", "mutation")
    os.makedirs(work, exist_ok=True)
    results_path = os.path.join(work, "results.tsv")
    results = {}
    if os.path.exists(results_path) and not args.again:
        for line in open(results_path, encoding="utf-8"):
            name, result, by = line.rstrip("\n").split("\t")
            results[name] = (result, by)
    tree = os.path.abspath(args.tree) if args.tree else make_tree(work)
    build = os.path.join(tree, "build", "release")
    log = os.path.join(work, "log")

    chosen = [m for m in mutants if m.file.startswith(args.file)]
    if args.names:
        chosen = [m for m in mutants if m.name in args.names]
    # Neighbours share what is compiled.
    left = sorted((m for m in chosen if m.name not in results or args.names),
                  key=lambda m: m.file)
    seconds = run_unchanged(left, tests, tree, build, log)

    def done(mutant, result, by):
        results[mutant.name] = (result, by)
        print(f"{result:9} {mutant.name:45} {by}", flush=True)
        with open(results_path, "w", encoding="utf-8") as out:
            for name, (a_result, a_by) in sorted(results.items()):
                out.write(f"{name}\t{a_result}\t{a_by}\n")

    if not args.alone:
        left = run_together(left, tests, seconds, tree, build, log, done)
    for mutant in left:
        done(mutant, *run_alone(mutant, tests_of(mutant, tests), seconds, tree, build, log))

    count = collections.Counter()
    for mutant in chosen:
        result = results[mutant.name][0]
        if result == "survived" and mutant.excuse:
            result = "explained"
        count[result] += 1
        if result == "survived":
            print(f"survived: {mutant.name} ({mutant.file})")
    print(f"{count['killed']} killed, {count['survived']} survived, "
          f"{count['explained']} explained, {count['broken']} failed to build")
    sys.exit(0 if count["survived"] + count["broken"] == 0 else 1)


if __name__ == "__main__":
    main()
