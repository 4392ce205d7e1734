# Reads ctest's JUnit reports and prints "N passed, N failed, N skipped". `failed_stages` (-v) counts stages that failed: of
# these, at least that many failures are shown even where no test says so.
function attribute(name,    text) {
    if (!match($0, "[ \t]" name "=\"[0-9]+\""))
        return 0
    text = substr($0, RSTART, RLENGTH)
    gsub(/[^0-9]/, "", text)
    return text + 0
}
/<testsuite/ { in_head = 1 }
in_head {
    tests += attribute("tests")
    failed += attribute("failures")
    skipped += attribute("skipped") + attribute("disabled")
}
in_head && />/ { in_head = 0 }
END {
    shown = failed > failed_stages ? failed : failed_stages + 0
    printf "%d passed, %d failed, %d skipped\n", tests - failed - skipped, shown, skipped
}
