/* test_weights.c - arrays of a file under canonical names: shapes, renames, conversions, refusals. */
#include <math.h>
#include "src/half.h"
#include "src/weights.h"
#include "weights_maker.h"

static const float six[] = { 0, 1, -2, 3.5f, 4, 5 };
static const double wide[] = { 1, 1.0 / 3, -1e300 };

static tensors_maker   maker;
static hf_tensor_file *file;
static hf_weights     *weights;
static hf_error        err;

static void open_weights(hf_rename rename, const void *ctx)
{
    hf_weights_close(&weights);
    cr_assert_eq(hf_weights_open(&weights, file, "unet", rename, ctx, &err), HF_OK);
}

static void make_file(void)
{
    static const uint16_t halves[] = { 0x3c00, 0xc000, 0x0001, 0x7c00 }; /* 1, -2, 2^-24, infinity */
    static const uint16_t bfs[] = { 0x3f80, 0xc040, 0x7f80 };           /* 1, -3, infinity */
    static const int64_t longs[] = { -7, 1 << 20 };
    static const uint8_t bytes_[] = { 0, 200 };
    static const int8_t signed_bytes[] = { -1, 127 };
    static const int16_t shorts[] = { -300, 300 };
    static const int32_t ints[] = { -70000, 70000 };

    tensors_add(&maker, "odd", "U8", "1", bytes_, 1); /* what follows lies at odd addresses */
    tensors_add(&maker, "w", "F32", "2,3", six, sizeof(six));
    tensors_add(&maker, "w4", "F32", "2,3,1,1", six, sizeof(six));
    tensors_add(&maker, "halves", "F16", "4", halves, sizeof(halves));
    tensors_add(&maker, "bfs", "BF16", "3", bfs, sizeof(bfs));
    tensors_add(&maker, "wide", "F64", "3", wide, sizeof(wide));
    tensors_add(&maker, "longs", "I64", "2", longs, sizeof(longs));
    tensors_add(&maker, "ints", "I32", "2", ints, sizeof(ints));
    tensors_add(&maker, "shorts", "I16", "2", shorts, sizeof(shorts));
    tensors_add(&maker, "signed", "I8", "2", signed_bytes, sizeof(signed_bytes));
    tensors_add(&maker, "bytes", "U8", "2", bytes_, sizeof(bytes_));
    tensors_add(&maker, "bools", "BOOL", "2", "\0\1", 2);
    tensors_add(&maker, "number", "F32", "", six + 3, sizeof(float));
    tensors_add(&maker, "none", "F32", "0,3", "", 0);
    file = tensors_open(&maker);
    open_weights(NULL, NULL);
}

static void drop_file(void)
{
    hf_weights_close(&weights);
    hf_tensor_file_close(&file);
}

TestSuite(weights, .init = make_file, .fini = drop_file);

static void check_floats(const char *name, int n_dims, const int64_t *shape, const float *want)
{
    float found[64];
    hf_tensor out = hf_tensor_view_shape(found, HF_F32, n_dims, shape);
    cr_assert_eq(hf_weights_read(weights, &out, name, &err), HF_OK, "%s", err.text);
    for (int64_t i = 0; i < hf_tensor_count(&out); i++)
        cr_assert_eq(found[i], want[i], "%s[%d] is %g, want %g", name, (int)i, (double)found[i], (double)want[i]);
}

#define CHECK(name, want, n_dims, ...) check_floats(name, n_dims, (const int64_t[]){ __VA_ARGS__ }, want)
#define WANT(...) ((const float[]){ __VA_ARGS__ })

static void check_array_refused(const char *name, int n_dims, const int64_t *shape, const char *text)
{
    float found[64];
    hf_tensor out = hf_tensor_view_shape(found, HF_F32, n_dims, shape);
    cr_assert_eq(hf_weights_read(weights, &out, name, &err), HF_EMODEL);
    cr_assert_str_eq(err.text, text);
}

#define REFUSE(name, text, n_dims, ...) check_array_refused(name, n_dims, (const int64_t[]){ __VA_ARGS__ }, text)

Test(weights, floats_come_as_they_are) { CHECK("w", six, 2, 2, 3); }

Test(weights, dimensions_of_one_at_the_end_may_be_missing_or_too_many)
{
    CHECK("w", six, 4, 2, 3, 1, 1);
    CHECK("w4", six, 2, 2, 3);
    CHECK("number", six + 3, 1, 1);
}

Test(weights, every_type_becomes_f32)
{
    CHECK("halves", WANT(1, -2, 0x1p-24f, INFINITY), 1, 4);
    CHECK("bfs", WANT(1, -3, INFINITY), 1, 3);
    CHECK("wide", WANT(1, 1.0f / 3, -INFINITY), 1, 3);
    CHECK("longs", WANT(-7, 1 << 20), 1, 2);
    CHECK("ints", WANT(-70000, 70000), 1, 2);
    CHECK("shorts", WANT(-300, 300), 1, 2);
    CHECK("signed", WANT(-1, 127), 1, 2);
    CHECK("bytes", WANT(0, 200), 1, 2);
    CHECK("bools", WANT(0, 1), 1, 2);
}

Test(weights, floats_are_rounded_to_f16_and_bf16)
{
    uint16_t found[6];
    hf_tensor out = hf_tensor_view(found, HF_F16, 2, 2, 3);
    cr_assert_eq(hf_weights_read(weights, &out, "w", &err), HF_OK);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(found[i], hf_f32_to_f16(six[i]));
    out.dtype = HF_BF16;
    cr_assert_eq(hf_weights_read(weights, &out, "w", &err), HF_OK);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(found[i], hf_f32_to_bf16(six[i]));
}

Test(weights, f16_is_copied_bit_by_bit)
{
    static const uint16_t want[] = { 0x3c00, 0xc000, 0x0001, 0x7c00 };
    uint16_t found[4];
    hf_tensor out = hf_tensor_view(found, HF_F16, 1, 4);
    cr_assert_eq(hf_weights_read(weights, &out, "halves", &err), HF_OK);
    cr_assert_arr_eq(found, want, sizeof(want));
}

/* More than one chunk of the conversion, and not a whole number of them. */
Test(weights, long_arrays_are_converted_to_their_end)
{
    enum { N = 5003 };
    static tensors_maker long_maker;
    static uint16_t halves[N];
    static float found[N];

    for (int i = 0; i < N; i++)
        halves[i] = hf_f32_to_f16((float)(i % 2048));
    tensors_add(&long_maker, "long", "F16", "5003", halves, sizeof(halves));
    hf_tensor_file *f = tensors_open(&long_maker);
    hf_weights *w;
    cr_assert_eq(hf_weights_open(&w, f, "it", NULL, NULL, &err), HF_OK);
    hf_tensor out = hf_tensor_view(found, HF_F32, 1, N);
    cr_assert_eq(hf_weights_read(w, &out, "long", &err), HF_OK);
    for (int i = 0; i < N; i++)
        cr_assert_eq(found[i], (float)(i % 2048), "%d", i);
    hf_weights_close(&w);
    hf_tensor_file_close(&f);
}

Test(weights, an_array_without_values_is_read) { CHECK("none", six, 2, 0, 3); }

/* ---- renames ---- */

/* "q.weight" is row `ctx` of "w", and "t.weight" all of it transposed; nothing else is known. */
static int rename_some(hf_weight_place *place, const hf_tensor_file *f, const char *canonical, const void *ctx)
{
    cr_assert_eq(f, file);
    strcpy(place->name, "w");
    if (strcmp(canonical, "q.weight") == 0)
        place->row = *(const int64_t *)ctx, place->n_rows = 1;
    else if (strcmp(canonical, "t.weight") == 0)
        place->transposed = true;
    else if (strcmp(canonical, "both.weight") == 0)
        place->transposed = true, place->row = 1, place->n_rows = 1;
    else if (strcmp(canonical, "lost.weight") == 0)
        strcpy(place->name, "elsewhere");
    else
        return 0;
    return 1;
}

Test(weights, rows_of_a_larger_array_are_cut_out)
{
    static const int64_t row = 1;
    open_weights(rename_some, &row);
    CHECK("q.weight", six + 3, 2, 1, 3);
}

Test(weights, a_transposed_array_is_turned_round)
{
    open_weights(rename_some, NULL);
    CHECK("t.weight", WANT(0, 3.5f, 1, 4, -2, 5), 2, 3, 2);
    CHECK("both.weight", WANT(3.5f, 4, 5), 2, 3, 1);
}

Test(weights, has_and_shape_see_through_renames)
{
    int n_dims;
    int64_t shape[HF_ENTRY_MAX_DIMS];

    open_weights(rename_some, NULL);
    cr_assert(hf_weights_has(weights, "t.weight"));
    cr_assert_not(hf_weights_has(weights, "w"));
    cr_assert_not(hf_weights_has(weights, "lost.weight"));
    cr_assert_eq(hf_weights_shape(weights, "both.weight", &n_dims, shape, &err), HF_OK);
    cr_assert_eq(n_dims, 2);
    cr_assert(shape[0] == 3 && shape[1] == 1);
    cr_assert_eq(hf_weights_file(weights), file);
}

/* ---- refusals ---- */

Test(weights, a_missing_array_is_named_with_the_shape_wanted)
{
    REFUSE("conv_in.weight", "it: unet has no array \"conv_in.weight\", want one of shape [320,4,3,3]", 4, 320, 4, 3, 3);
}

Test(weights, a_missing_array_is_named_as_the_file_would_call_it)
{
    open_weights(rename_some, NULL);
    REFUSE("lost.weight", "it: unet has no array \"lost.weight\", which is called \"elsewhere\" in such files, want one of shape [2]",
           1, 2);
}

Test(weights, the_shape_of_a_missing_array_is_refused)
{
    int n_dims;
    int64_t shape[HF_ENTRY_MAX_DIMS];
    cr_assert_eq(hf_weights_shape(weights, "b", &n_dims, shape, &err), HF_EMODEL);
    cr_assert_str_eq(err.text, "it: unet has no array \"b\"");
}

Test(weights, another_shape_is_refused_with_both)
{
    REFUSE("w", "it: unet: array \"w\" has shape [2,3], want [3,2]", 2, 3, 2);
    REFUSE("w", "it: unet: array \"w\" has shape [2,3], want [2,3,2]", 3, 2, 3, 2);
    REFUSE("w", "it: unet: array \"w\" has shape [2,3], want [6]", 1, 6); /* as many values, but not the same */
    REFUSE("number", "it: unet: array \"number\" has shape [], want [2]", 1, 2);
}

Test(weights, rows_that_the_array_has_not_are_refused)
{
    static const int64_t row = 2;
    open_weights(rename_some, &row);
    REFUSE("q.weight", "it: unet: array \"w\" has shape [2,3], want [1,3] from its rows 2 to 2", 2, 1, 3);
}

Test(weights, a_name_too_long_to_be_looked_up_is_not_there)
{
    char name[400];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    cr_assert_not(hf_weights_has(weights, name));
}

Test(weights, closing_nothing_does_nothing)
{
    hf_weights *none = NULL;
    hf_weights_close(&none);
    hf_weights_close(NULL);
}
