/* test_share.c - work shared out, sizes of memory, and the archive of what is done. */
#include "davis_tree.h"
#include "src/cli/archive.h"
#include "src/cli/memory.h"
#include "src/cli/share.h"

TestSuite(share, .init = tree_make, .fini = tree_remove);

static hf_error err;

Test(share, the_dearest_go_first_to_the_least_loaded)
{
    static const double cost[] = { 2, 7, 3, 5, 4 };
    int part[5], want[] = { 1, 1, 2, 2, 2 }; /* 7 | 5 | 5+4 | 7+3 | 9+2 or 10+2: the lower load, part 2 */
    cr_assert_eq(hf_share_out(part, cost, 5, 2, &err), HF_OK);
    want[2] = 1, want[0] = 2;
    for (int i = 0; i < 5; i++)
        cr_assert_eq(part[i], want[i], "run %d in part %d", i, part[i]);
}

Test(share, equal_costs_are_dealt_round)
{
    static const double cost[7] = { 1, 1, 1, 1, 1, 1, 1 };
    int part[7];
    cr_assert_eq(hf_share_out(part, cost, 7, 3, &err), HF_OK);
    for (int i = 0; i < 7; i++)
        cr_assert_eq(part[i], i % 3 + 1);
}

Test(share, more_parts_than_runs_leave_parts_empty)
{
    static const double cost[] = { 0, 3 };
    int part[2];
    cr_assert_eq(hf_share_out(part, cost, 2, 5, &err), HF_OK);
    cr_assert_eq(part[1], 1);
    cr_assert_eq(part[0], 2);
    cr_assert_eq(hf_share_out(part, cost, 0, 5, &err), HF_OK);
}

Test(share, no_part_is_a_third_dearer_than_the_best)
{
    double cost[60], load[4] = { 0 }, all = 0;
    int part[60];
    for (int i = 0; i < 60; i++)
        all += cost[i] = 1 + (i * 37 % 60) * (i * 37 % 60);
    cr_assert_eq(hf_share_out(part, cost, 60, 4, &err), HF_OK);
    for (int i = 0; i < 60; i++)
        load[part[i] - 1] += cost[i];
    for (int k = 0; k < 4; k++)
        cr_assert_leq(load[k], 4.0 / 3 * all / 4);
}

Test(share, parts_are_read)
{
    int part, n;
    static const char *const bad[] = { "", "3", "0/4", "5/4", "1/0", "-1/4", "1/4x", "a/b", "1/100001" };
    cr_assert_eq(hf_share_parse(&part, &n, "2/8", "--shard", &err), HF_OK);
    cr_assert(part == 2 && n == 8);
    for (int i = 0; i < 9; i++)
        cr_assert_eq(hf_share_parse(&part, &n, bad[i], "--shard", &err), HF_EARG, "%s", bad[i]);
}

Test(share, sizes_of_memory_are_read)
{
    static const struct {
        const char *text;
        int64_t     bytes;
    } good[] = { { "4096", 4096 }, { "500M", 500 << 20 }, { "1.5g", 3LL << 29 }, { "2GB", 2LL << 30 }, { "8k", 8192 } };
    static const char *const bad[] = { "", "M", "-1G", "1X", "1GBs", "0", "nan", "1e30", " 1G" };
    int64_t bytes;
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(hf_memory_parse(&bytes, good[i].text, "--memory", &err), HF_OK, "%s", good[i].text);
        cr_assert_eq(bytes, good[i].bytes, "%s", good[i].text);
    }
    for (int i = 0; i < 9; i++)
        cr_assert_eq(hf_memory_parse(&bytes, bad[i], "--memory", &err), HF_EARG, "%s", bad[i]);
}

Test(share, some_memory_is_free)
{
    cr_assert_gt(hf_memory_free(), 1 << 20);
}

Test(share, the_archive_knows_what_was_added)
{
    const char *path = tree_path("done.txt");
    hf_archive *archive;
    cr_assert_eq(hf_archive_read(&archive, path, &err), HF_OK);
    cr_assert(!hf_archive_has(archive, 7));
    hf_archive_free(&archive);
    for (uint64_t i = 0; i < 20; i++)
        cr_assert_eq(hf_archive_add(path, i * 0x123456789abcdefu, "a\nname", &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_archive_read(&archive, path, &err), HF_OK, "%s", err.text);
    for (uint64_t i = 0; i < 20; i++)
        cr_assert(hf_archive_has(archive, i * 0x123456789abcdefu));
    cr_assert(!hf_archive_has(archive, 8));
    hf_archive_free(&archive);
    cr_assert(!hf_archive_has(NULL, 0));
}

Test(share, other_files_are_no_archive)
{
    hf_archive *archive;
    tree_text(tree_path("a"), "0123456789abcdef name\n# a comment\n\nfedcba9876543210 name\n");
    cr_assert_eq(hf_archive_read(&archive, tree_path("a"), &err), HF_OK, "%s", err.text);
    hf_archive_free(&archive);
    tree_text(tree_path("b"), "0123456789abcdef name\n0123 name\n"); /* 4 digits */
    cr_assert_eq(hf_archive_read(&archive, tree_path("b"), &err), HF_EFORMAT);
    cr_assert_not_null(strstr(err.text, "line 2"), "%s", err.text);
    tree_text(tree_path("c"), "0123456789abcdefname\n");
    cr_assert_eq(hf_archive_read(&archive, tree_path("c"), &err), HF_EFORMAT);
    cr_assert_eq(hf_archive_read(&archive, tree_root, &err), HF_EIO); /* a folder */
}
