# SPDX-License-Identifier: BSD-2-Clause
# Draws results.svg from lines of KIND|LABEL|NUMBER: bars for the ways (milliseconds a trial, on a logarithmic
# axis) and below them bars for trials a second. Colours follow the reader's light or dark scheme.
# Usage: awk -F '|' -f bench/draw.awk PLOT

$1 == "way" {
	way[++ways] = $2
	ms[ways] = $3
}
$1 == "rate" {
	many[++rates] = $2
	rate[rates] = $3
}

function log10(x) {
	return log(x) / log(10)
}
function text(x, y, class, what) {
	printf "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y, class, what
}
function line(x1, y1, x2, y2, class) {
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1, x2, y2, class
}
function bar(y, width, class) {
	printf "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"16\" rx=\"2\" class=\"%s\"/>\n", left, y, width, class
}
function time(v) {
	return (v >= 1000) ? sprintf("%.2f s", v / 1000) : sprintf("%.0f ms", v)
}
function tick(v) {
	return (v >= 1000) ? v / 1000 " s" : v " ms"
}
# Where on the logarithmic axis: 10 ms is its left end.
function at(v) {
	return (log10(v) - 1) / decades * wide
}

END {
	left = 170
	wide = 400
	step = 24
	most = 100
	for (i = 1; i <= ways; i++)
		if (ms[i] > most)
			most = ms[i]
	decades = 1
	while (10 ^ (decades + 1) < most)
		decades++
	for (i = 1; i <= rates; i++)
		if (rate[i] > fastest)
			fastest = rate[i]
	owed = 12
	if (fastest < owed)
		fastest = owed
	top = 52
	bottom = top + ways * step
	second = bottom + (ways ? 76 : 0)
	height = second + rates * step + 20

	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 660 %d\" width=\"660\" height=\"%d\" ", height, height
	print "role=\"img\" aria-labelledby=\"title desc\">"
	print "<title id=\"title\">Time a trial by way, and trials a second by number of trials</title>"
	printf "<desc id=\"desc\">"
	for (i = 1; i <= ways; i++)
		printf "%s: %s. ", way[i], time(ms[i])
	for (i = 1; i <= rates; i++)
		printf "%d trial%s: %.1f a second. ", many[i], (many[i] == 1 ? "" : "s"), rate[i]
	print "</desc>"
	print "<style>"
	print "text {font: 13px system-ui, sans-serif; fill: #1f2328}"
	print ".head {font-weight: 600}"
	print ".label {text-anchor: end}"
	print ".tick {text-anchor: middle; font-size: 11px; fill: #59636e}"
	print ".paper {fill: #ffffff}"
	print ".grid {stroke: #d1d9e0}"
	print ".owed {stroke: #bc4c00; stroke-dasharray: 4 3}"
	print ".says {font-size: 11px; fill: #bc4c00; text-anchor: middle}"
	print ".ours {fill: #0969da}"
	print ".theirs {fill: #818b98}"
	print "@media (prefers-color-scheme: dark) {"
	print "text {fill: #f0f6fc}"
	print ".tick {fill: #9198a1}"
	print ".paper {fill: #0d1117}"
	print ".grid {stroke: #3d444d}"
	print ".owed {stroke: #db8a3c}"
	print ".says {fill: #db8a3c}"
	print ".ours {fill: #4493f8}"
	print "}"
	print "</style>"
	print "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>"

	if (ways)
		text(16, 26, "head", "hello.ko loaded and unloaded once, logarithmic")
	for (d = 0; ways && d <= decades; d++) {
		x = left + wide * d / decades
		line(x, top - 8, x, bottom, "grid")
		text(x, bottom + 16, "tick", tick(10 ^ (d + 1)))
	}
	for (i = 1; i <= ways; i++) {
		y = top + (i - 1) * step
		width = at(ms[i])
		if (width < 2)
			width = 2
		text(left - 10, y + 12.5, "label", way[i])
		bar(y, width, way[i] ~ /^(hand-made|virtme-ng)/ ? "theirs" : "ours")
		text(left + width + 6, y + 12.5, "value", time(ms[i]))
	}

	if (rates)
		text(16, second - 26, "head", "Trials a second, one kmodlab run of N trials")
	for (i = 1; i <= rates; i++) {
		y = second + (i - 1) * step
		text(left - 10, y + 12.5, "label", "N = " many[i])
		bar(y, rate[i] / fastest * wide, "ours")
		# In a column of their own, clear of the line for what is owed.
		text(left + wide + 66, y + 12.5, "label", sprintf("%.1f/s", rate[i]))
	}
	if (rates) {
		x = left + owed / fastest * wide
		line(x, second - 6, x, second + rates * step, "owed")
		text(x, second - 10, "says", "owed: " owed)
	}
	print "</svg>"
}
