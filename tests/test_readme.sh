# test_readme.sh HFPROP README - the README's option table is the program's own.
#
# In README.md it stands between the lines <!-- options --> and <!-- end of options -->;
# `hfprop --help-markdown` prints what belongs there.
hfprop=$1 readme=$2
if ! grep -q '^<!-- options -->$' "$readme" 2>/dev/null; then
    echo "skipped: $readme has no option table yet"
    echo "0 passed, 0 failed, 1 skipped"
    exit 77
fi
ours=$(mktemp) theirs=$(mktemp)
trap 'rm -f "$ours" "$theirs"' EXIT
"$hfprop" --help-markdown >"$ours" || exit 1
sed -n '/^<!-- options -->$/,/^<!-- end of options -->$/p' "$readme" | sed '1d;$d' >"$theirs"
if diff -B "$theirs" "$ours"; then
    echo "1 passed, 0 failed, 0 skipped"
else
    echo "FAIL: replace the table of $readme by the output of hfprop --help-markdown"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
