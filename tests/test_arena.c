/* test_arena.c - scratch that is measured first and allocated once: sizes, marks, refusals. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>
#include "src/arena.h"

static hf_backend *be;
static hf_arena   *arena;
static hf_error    err;

static void open_all(void)
{
    cr_assert_eq(hf_backend_open(&be, "ref", 1, &err), HF_OK);
    cr_assert_eq(hf_arena_new(&arena, be, "scratch", &err), HF_OK);
}

static void close_all(void)
{
    hf_arena_free(&arena);
    cr_assert_null(arena);
    hf_backend_close(&be);
}

TestSuite(arena, .init = open_all, .fini = close_all);

Test(arena, before_the_seal_takes_only_measure)
{
    hf_tensor t;
    cr_assert_eq(hf_arena_take(arena, &t, &err, HF_F32, 2, 3, 5), HF_OK);
    cr_assert_null(t.data);
    cr_assert_eq(t.shape[1], 5);
    cr_assert_eq(hf_arena_peak(arena), 64); /* 60 bytes, rounded up */
    cr_assert_eq(hf_arena_size(arena), 0);
}

Test(arena, the_seal_allocates_the_peak_and_the_same_takes_fit)
{
    hf_tensor a, b;
    hf_arena_take(arena, &a, &err, HF_F32, 1, 16);
    size_t mark = hf_arena_mark(arena);
    hf_arena_take(arena, &b, &err, HF_U8, 1, 100); /* 128 */
    hf_arena_rewind(arena, mark);
    hf_arena_take(arena, &b, &err, HF_U8, 1, 10); /* 64 */
    cr_assert_eq(hf_arena_seal(arena, 0, &err), HF_OK);
    cr_assert_eq(hf_arena_size(arena), 64 + 128);
    cr_assert_eq(hf_arena_take(arena, &a, &err, HF_F32, 1, 16), HF_OK);
    cr_assert_eq(hf_arena_take(arena, &b, &err, HF_U8, 1, 100), HF_OK);
    cr_assert_eq((uintptr_t)b.data % 64, 0);
    cr_assert_eq((char *)b.data - (char *)a.data, 64);
}

Test(arena, a_seal_may_ask_for_more_than_was_measured)
{
    cr_assert_eq(hf_arena_seal(arena, 256, &err), HF_OK);
    cr_assert_eq(hf_arena_size(arena), 256);
}

Test(arena, one_byte_too_many_is_refused_and_nothing_is_taken)
{
    hf_tensor t;
    cr_assert_eq(hf_arena_seal(arena, 128, &err), HF_OK);
    cr_assert_eq(hf_arena_take(arena, &t, &err, HF_U8, 1, 129), HF_ENOMEM);
    cr_assert_null(t.data);
    cr_assert_str_eq(err.text, "scratch: 192 bytes wanted, 128 of 128 left");
    cr_assert_eq(hf_arena_take(arena, &t, &err, HF_U8, 1, 128), HF_OK);
    cr_assert_eq(hf_arena_take(arena, &t, &err, HF_U8, 1, 1), HF_ENOMEM);
}

Test(arena, a_size_that_wraps_round_is_refused)
{
    hf_tensor t;
    cr_assert_eq(hf_arena_take(arena, &t, &err, HF_F32, 3, INT64_MAX, INT64_MAX, 4), HF_ENOMEM);
    cr_assert_eq(hf_arena_take(arena, &t, &err, HF_U8, 1, INT64_MAX), HF_OK);
    cr_assert_eq(hf_arena_take(arena, &t, &err, HF_U8, 2, INT64_MAX, 2), HF_ENOMEM);
}

Test(arena, a_block_that_no_machine_has_is_refused)
{
    hf_tensor t;
    hf_arena_take(arena, &t, &err, HF_U8, 1, INT64_C(1) << 62);
    cr_assert_eq(hf_arena_seal(arena, 0, &err), HF_ENOMEM);
    cr_assert(strstr(err.text, "4611686018427387904 bytes on ref"), "%s", err.text);
}

Test(arena, a_second_seal_is_refused)
{
    cr_assert_eq(hf_arena_seal(arena, 64, &err), HF_OK);
    cr_assert_eq(hf_arena_seal(arena, 64, &err), HF_EARG);
    cr_assert_str_eq(err.text, "scratch: is sealed already, at 64 bytes");
}

Test(arena, reset_gives_the_same_memory_again_and_keeps_the_peak)
{
    hf_tensor a, b;
    hf_arena_seal(arena, 128, &err);
    hf_arena_take(arena, &a, &err, HF_U8, 1, 128);
    hf_arena_reset(arena);
    hf_arena_take(arena, &b, &err, HF_U8, 1, 1);
    cr_assert_eq(a.data, b.data);
    cr_assert_eq(hf_arena_peak(arena), 128);
}
