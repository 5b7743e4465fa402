"""How to read each chart, for somebody who sees one for the first time.

The rule: every chart that `charts.draw` can make has its title and its caption here, by the chart's name.
"""

CAPTIONS = {
    "staircase": (
        "The text as it grew",
        "Grey dashes: when the workload wanted the text out. Blue: when the server's kernel had it. Vermilion: when the "
        "reader had it. Where vermilion runs beside grey, the reader sees typing; where it climbs in high steps, lumps. "
        "The distance to the right of grey is how late a letter was.",
    ),
    "gaps": (
        "The rhythm: gaps between letters",
        "Each curve tells which share of the letters came within a time of the letter before. One steep rise at Δ is an "
        "even rhythm. A curve that begins high at the left edge means letters that came together, in one read. Guide lines: "
        "the planned interval Δ, the path's round trip, and Linux's 40 ms (delayed ACK) and 200 ms (minimum retransmission "
        "timeout).",
    ),
    "heatmap": (
        "The matrix at a glance",
        "Every field is a cell. Look for rows or columns that change colour together: that setting makes the difference.",
    ),
    "raster": (
        "Writes and arrivals, one by one",
        "Blue ticks: the server's writes. Vermilion ticks below: arrivals at the reader, longer where several letters came "
        "at once. Even blue above bundled vermilion means that the bundling happened after the write.",
    ),
}
