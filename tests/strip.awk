# C source without its comments, and without what stands between quotes; every line stays on its line.
{
    line = $0
    out = ""
    while (line != "") {
        if (comment) {
            end = index(line, "*/")
            if (!end) break
            line = substr(line, end + 2)
            comment = 0
            out = out " "
        } else if (match(line, /\/\*|\/\/|"|'/)) {
            start = substr(line, RSTART, RLENGTH)
            out = out substr(line, 1, RSTART - 1)
            line = substr(line, RSTART + RLENGTH)
            if (start == "//") break
            if (start == "/*") {
                comment = 1
                continue
            }
            while (line != "" && substr(line, 1, 1) != start)
                line = substr(line, substr(line, 1, 1) == "\\" ? 3 : 2)
            line = substr(line, 2)
            out = out start start
        } else {
            out = out line
            break
        }
    }
    print out
}
