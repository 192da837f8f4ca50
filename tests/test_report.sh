# test_report.sh HFPROP - the page of `hfprop eval --report`: what it shows is what the JSON of the same run says.
#
# First read as text, then as headless Chromium has it after its script ran; see report_check.py.
checker=$(readlink -f "$(dirname "$0")/report_check.py")
. "$(dirname "$0")/cli_fixture.sh"

if ! command -v python3 >/dev/null; then
    skip "report: python3 is not installed"
    finish
fi

# verify 'what' arguments of report_check.py ...
verify() {
    what=$1
    shift
    if python3 "$checker" "$@" >checks.txt; then pass; else fail "$what: $(cat checks.txt)"; fi
}

python3 "$checker" make . || fail "the tree could not be made"
if "$hfprop" eval results --davis tree --json --report page.html >scores.json 2>stderr.txt; then pass; else fail "eval: $(cat stderr.txt)"; fi
verify 'page' check page.html scores.json
[ ! -e page.html.part ] && pass || fail "page.html.part is left"

# A second page of the same scores is the same page.
cp page.html first.html
"$hfprop" eval results --davis tree --report page.html >/dev/null 2>&1
sed 's/ --json//' first.html | cmp -s - page.html && pass || fail "two runs write different pages"

# refused 'words' exit-code options ...
refused() {
    words=$1 want=$2
    shift 2
    "$hfprop" eval results --davis tree "$@" >/dev/null 2>stderr.txt
    code=$?
    if [ $code = "$want" ] && grep -q "$words" stderr.txt; then pass; else fail "$*: exit $code, $(cat stderr.txt)"; fi
}
mkdir folder.html
refused 'want a name that ends in .html' 2 --report scores.json
refused 'is a folder' 1 --report folder.html
refused 'No such file' 1 --report no/such/page.html
[ -e scores.json ] && [ ! -e no ] && pass || fail "a refused report left something"

chromium=
for name in chromium-headless-shell chromium google-chrome; do
    [ -n "$chromium" ] || chromium=$(command -v $name)
done
if [ -z "$chromium" ]; then
    skip "report: no headless Chromium (package chromium-headless-shell)"
    finish
fi

# dump page.html OUT [options]: the document after its script ran. No host can be reached.
dump() {
    page=$1 to=$2
    shift 2
    timeout 100 "$chromium" --headless --no-sandbox --disable-gpu --user-data-dir="$dir/profile" \
        --host-resolver-rules='MAP * ~NOTFOUND' --virtual-time-budget=3000 "$@" --dump-dom "file://$dir/$page" >"$to" 2>chromium.txt
}
dump page.html dom.html --log-net-log="$dir/net.json"
verify 'document in Chromium' check dom.html scores.json
verify 'requests' requests net.json
# That log would have told: a page that does ask.
echo '<img src="http://example.invalid/a.png">' >asks.html
dump asks.html dom2.html --log-net-log="$dir/asks.json"
if python3 "$checker" requests asks.json >checks.txt; then fail 'a request is not seen in the log'; else pass; fi

# Click a heading and move over the first chart; what comes of it is in the document that is dumped.
# $1: number of the heading.
with_clicks() {
    sed 's,</body>,,; s,</html>,,' page.html
    cat <<END
<script>
document.querySelectorAll("thead button")[$1].click();
const chart = document.querySelector(".chart svg"), box = chart.getBoundingClientRect();
chart.dispatchEvent(new PointerEvent("pointermove", { clientX: box.right, clientY: box.top + 9 }));
document.body.dataset.readout = chart.parentElement.querySelector(".readout").textContent;
document.body.dataset.broken = [...document.images].filter((i) => !i.complete || !i.naturalWidth).length;
</script></body></html>
END
}
with_clicks 2 >by-score.html
dump by-score.html dom.html
verify 'sorted by score' sorted dom.html score
with_clicks 0 >by-name.html
dump by-name.html dom.html
verify 'sorted by name' sorted dom.html name
finish
