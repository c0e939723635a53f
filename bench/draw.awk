# SPDX-License-Identifier: BSD-2-Clause
# Draws what bench/run plots: "way|label|milliseconds" as bars on a logarithmic scale, "rate|trials|trials a
# second" as bars on a linear one. An SVG that takes the page's colours, light or dark.
function log10(x) { return log(x) / log(10) }
function text(x, y, anchor, class, what) {
	printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">%s</text>\n", x, y, anchor, class, what
}
function bar(x, y, w, class) {
	printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"16\" rx=\"2\" class=\"%s\"/>\n", x, y, w, class
}
function grid(x, from, to) {
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>\n", x, from, x, to
}
function how_long(ms) { return ms < 1000 ? sprintf("%.0f ms", ms) : sprintf("%.2f s", ms / 1000) }
$1 == "way" { way[++ways] = $2; ms[ways] = $3; if ($3 > slowest) slowest = $3 }
$1 == "rate" { trials[++rates] = $2; rate[rates] = $3; if ($3 > fastest) fastest = $3 }
END {
	left = 160; wide = 480; row = 26
	top = ways ? 60 : 0
	second = top + ways * row + (ways && rates ? 80 : ways ? 30 : 60)
	height = second + rates * row + 24
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 %d\" role=\"img\" aria-labelledby=\"t d\">\n", height
	print "<title id=\"t\">kmodlab measured</title>"
	printf "<desc id=\"d\">"
	for (i = 1; i <= ways; i++) printf "%s: %s. ", way[i], how_long(ms[i])
	for (i = 1; i <= rates; i++) printf "%s trials: %.1f a second. ", trials[i], rate[i]
	print "</desc>"
	print "<style>text{font:13px system-ui,sans-serif;fill:#1f2328}.head{font-weight:600;font-size:15px}.small{font-size:11px;fill:#59636e}" \
		".ours{fill:#2f6fde}.other{fill:#8c959f}.grid{stroke:#d1d9e0;stroke-width:1}.ground{fill:#ffffff}" \
		"@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.ours{fill:#6ea8ff}.other{fill:#6e7681}" \
		".grid{stroke:#3d444d}.ground{fill:#0d1117}}</style>"
	printf "<rect width=\"760\" height=\"%d\" class=\"ground\"/>\n", height
	if (ways) {
		low = 1; high = log10(slowest) + 0.15
		text(16, 26, "start", "head", "Time to load and unload hello.ko (each mark is ten times the one before)")
		for (p = low; p <= high; p++) {
			x = left + (p - low) / (high - low) * wide
			grid(x, top - 8, top + ways * row - 6)
			text(x, top - 12, "middle", "small", how_long(10 ^ p))
		}
	}
	for (i = 1; i <= ways; i++) {
		y = top + (i - 1) * row
		w = (log10(ms[i]) - low) / (high - low) * wide
		bar(left, y, w > 2 ? w : 2, way[i] ~ /^(hand|virtme)/ ? "other" : "ours")
		text(left - 8, y + 13, "end", "", way[i])
		text(left + w + 6, y + 13, "start", "", how_long(ms[i]))
	}
	if (rates)
		text(16, second - 20, "start", "head", "Trials a second, by how many are asked for at once")
	for (i = 1; i <= rates; i++) {
		y = second + (i - 1) * row
		w = rate[i] / fastest * (wide - 60)
		bar(left, y, w, "ours")
		text(left - 8, y + 13, "end", "", trials[i] + 0 == 1 ? "1 trial" : trials[i] " trials")
		text(left + w + 6, y + 13, "start", "", sprintf("%.1f/s", rate[i]))
	}
	print "</svg>"
}
