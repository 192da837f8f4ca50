/* test_vit.c - vision transformers against PyTorch (tests/golden/make_vit.py), on every backend. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>
#include "src/cpu.h"
#include "src/net/log_bin.h"
#include "src/net/vit.h"
#include "src/net/vit_names.h"
#include "tests/golden_file.h"

#define LIMIT 1e-4 /* relative, f32 */

static hf_error err;

typedef struct bench {
    hf_backend     *be;
    hf_tensor_file *file;
    hf_vit_names    names;
    hf_weights     *weights;
    hf_vit         *vit;
} bench;

static int try_open(bench *b, const char *backend, hf_vit_params params)
{
    int rc;
    cr_assert_eq(hf_backend_open(&b->be, backend, 2, &err), HF_OK, "%s", err.text);
    if ((rc = hf_vit_names_find(&b->names, b->file, &err)) < 0)
        return rc;
    cr_assert_eq(hf_weights_open(&b->weights, b->file, "ViT", hf_vit_rename, &b->names, &err), HF_OK);
    return hf_vit_new(&b->vit, b->be, b->weights, &params, &err);
}

static bench open_golden(const char *backend, const char *name, int n_heads, int stride, hf_dtype dtype)
{
    bench b = { .file = golden_open(name) };
    int rc = try_open(&b, backend, (hf_vit_params){ .n_heads = n_heads, .stride_px = stride, .dtype = dtype });
    cr_assert_eq(rc, HF_OK, "%s", err.text);
    return b;
}

static void close_all(bench *b)
{
    hf_vit_free(&b->vit);
    hf_weights_close(&b->weights);
    hf_tensor_file_close(&b->file);
    hf_backend_close(&b->be);
}

/* Run with a tap for every array golden.<picture>.<stride>.* of the file; the greatest error. */
static double worst_error(bench *b, int picture, int stride, int *n_checked)
{
    static const char *const facets[] = { "token", "raw", "key", "query", "value" };
    hf_vit_tap taps[32];
    hf_tensor want[32];
    char name[64];
    double worst = 0;
    int n = 0;

    snprintf(name, sizeof(name), "golden.%d.image", picture);
    hf_tensor image = golden_array(b->file, name);
    cr_assert_not_null(image.data);
    cr_assert_eq(hf_vit_prepare(b->vit, (int)image.shape[1], (int)image.shape[0], &err), HF_OK, "%s", err.text);
    for (int layer = 1; layer <= hf_vit_get_sizes(b->vit)->depth; layer++)
        for (int facet = 0; facet < 5; facet++) {
            snprintf(name, sizeof(name), "golden.%d.%d.%d.%s", picture, stride, layer, facets[facet]);
            want[n] = golden_array(b->file, name);
            if (!want[n].data)
                continue;
            taps[n] = (hf_vit_tap){ layer, (hf_vit_facet)facet, want[n] };
            taps[n].out.data = calloc(1, hf_tensor_bytes(&want[n]));
            n++;
        }
    cr_assert_eq(hf_vit_run(b->vit, &image, taps, n, &err), HF_OK, "%s", err.text);
    for (int i = 0; i < n; i++) {
        double error = golden_error(taps[i].out.data, want[i].data, hf_tensor_count(&want[i]));
        worst = error > worst ? error : worst;
        free(taps[i].out.data);
        free(want[i].data);
    }
    free(image.data);
    *n_checked += n;
    return worst;
}

static void check(const char *name, int n_heads, int stride, int n_pictures, int n_wanted)
{
    static const char *const backends[] = { "ref", "cpu" };
    for (int i = 0; i < 2; i++) {
        bench b = open_golden(backends[i], name, n_heads, stride, HF_F32);
        int n = 0;
        for (int picture = 0; picture < n_pictures; picture++) {
            double error = worst_error(&b, picture, stride, &n);
            cr_expect(error <= LIMIT, "%s, picture %d, stride %d on %s: %.2e", name, picture, stride, backends[i], error);
        }
        cr_expect_eq(n, n_wanted, "%s on %s: %d arrays compared, want %d", name, backends[i], n, n_wanted);
        close_all(&b);
    }
}

Test(vit, dino_is_pytorchs_at_every_layer_and_facet) { check("vit_dino.safetensors", 3, 8, 3, 25); }
Test(vit, dino_with_overlapping_patches_is_pytorchs) { check("vit_dino.safetensors", 3, 4, 1, 5); }
Test(vit, dinov2_with_layer_scale_is_pytorchs) { check("vit_dinov2.safetensors", 3, 14, 2, 15); }
Test(vit, dinov2_with_overlapping_patches_is_pytorchs) { check("vit_dinov2.safetensors", 3, 7, 1, 5); }
Test(vit, registers_and_swiglu_are_pytorchs) { check("vit_dinov2_reg.safetensors", 3, 14, 2, 15); }
Test(vit, registers_with_overlapping_patches_are_pytorchs) { check("vit_dinov2_reg.safetensors", 3, 7, 1, 5); }

Test(vit, bf16_is_near)
{
    hf_pack_params bf16 = { .dtype = HF_BF16 };
    hf_backend *be;
    hf_packed *packed;
    float one[1] = { 1 };
    hf_tensor weight = hf_tensor_view(one, HF_F32, 2, 1, 1);
    cr_assert_eq(hf_backend_open(&be, "cpu", 1, &err), HF_OK);
    int rc = be->ops.packed_new(be, &packed, &weight, &bf16, &err);
    be->ops.packed_free(be, &packed);
    hf_backend_close(&be);
    if (rc == HF_EUNSUPPORTED)
        cr_skip_test("bf16_is_near: 1 skipped, no bf16 arithmetic on this processor");
    bench b = open_golden("cpu", "vit_dinov2.safetensors", 3, 14, HF_BF16);
    int n = 0;
    double error = worst_error(&b, 0, 14, &n);
    cr_expect(error > 1e-5 && error < 2e-2, "%.2e", error);
    close_all(&b);
}

Test(vit, sizes_come_from_the_shapes)
{
    bench b = open_golden("cpu", "vit_dinov2_reg.safetensors", 3, 0, HF_F32);
    const hf_vit_sizes *s = hf_vit_get_sizes(b.vit);
    int h, w;
    cr_expect(s->width == 48 && s->depth == 2 && s->n_heads == 3 && s->hidden == 128);
    cr_expect(s->patch_px == 14 && s->stride_px == 14 && s->n_registers == 4 && s->side == 5);
    cr_expect(s->swiglu && s->layer_scale);
    hf_vit_grid(b.vit, 43, 27, &h, &w);
    cr_expect(h == 1 && w == 3);
    hf_vit_grid(b.vit, 43, 13, &h, &w);
    cr_expect(h == 0);
    close_all(&b);
}

Test(vit, nothing_is_allocated_after_the_first_run)
{
    bench b = open_golden("cpu", "vit_dino.safetensors", 3, 8, HF_F32);
    int n = 0;
    worst_error(&b, 0, 8, &n);
    hf_tensor image = golden_array(b.file, "golden.0.image");
    hf_tensor out = golden_array(b.file, "golden.0.8.3.token");
    hf_vit_tap tap = { 3, HF_VIT_TOKEN, out };
    int64_t before = hf_cpu_n_growths(b.be);
    cr_assert_eq(hf_vit_run(b.vit, &image, &tap, 1, &err), HF_OK);
    cr_expect_eq(hf_cpu_n_growths(b.be), before);
    free(image.data);
    free(out.data);
    close_all(&b);
}

/* ---- names ---- */

ParameterizedTestParameters(vit, every_set_of_names_is_the_same_network)
{
    static char files[][64] = {
        "vit_names_dino_native",   "vit_names_dino_teacher",   "vit_names_dino_chunks",   "vit_names_dino_hf",
        "vit_names_dino_hf_new",   "vit_names_dinov2_native",  "vit_names_dinov2_teacher", "vit_names_dinov2_chunks",
        "vit_names_dinov2_hf",     "vit_names_dinov2_hf_new",
    };
    return cr_make_param_array(char[64], files, sizeof(files) / sizeof(files[0]));
}

ParameterizedTest(char (*file)[64], vit, every_set_of_names_is_the_same_network)
{
    char name[96];
    snprintf(name, sizeof(name), "%s.safetensors", *file);
    bench b = open_golden("cpu", name, 2, 0, HF_F32);
    hf_tensor image = golden_array(b.file, "golden.image"), want = golden_array(b.file, "golden.token"), out = want;
    out.data = malloc(hf_tensor_bytes(&want));
    hf_vit_tap tap = { 2, HF_VIT_TOKEN, out };
    cr_assert_eq(hf_vit_prepare(b.vit, (int)image.shape[1], (int)image.shape[0], &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_vit_run(b.vit, &image, &tap, 1, &err), HF_OK, "%s", err.text);
    double error = golden_error(out.data, want.data, hf_tensor_count(&want));
    cr_expect(error <= LIMIT, "%s: %.2e", name, error);
    free(image.data);
    free(want.data);
    free(out.data);
    close_all(&b);
}

/* ---- refusals ---- */

/* A safetensors file in memory of zeros: the arrays of header, f32. */
static void refuse(const char *header, hf_vit_params params, int status, const char *message)
{
    static _Alignas(8) unsigned char bytes[200000];
    bench b = { 0 };
    uint64_t n = (strlen(header) + 7) / 8 * 8;
    memset(bytes, 0, sizeof(bytes));
    memset(bytes + 8, ' ', n);
    memcpy(bytes, &n, 8);
    memcpy(bytes + 8, header, strlen(header));
    size_t end = 0;
    for (const char *at = header; (at = strstr(at, "\"data_offsets\":[")); at++)
        sscanf(at, "\"data_offsets\":[%*u,%zu]", &end);
    cr_assert_eq(hf_tensor_file_open_memory(&b.file, bytes, 8 + n + end, "net.safetensors", &err), HF_OK, "%s", err.text);
    cr_expect_eq(try_open(&b, "cpu", params), status, "%s", err.text);
    cr_expect(strstr(err.text, message), "%s", err.text);
    cr_expect_null(b.vit);
    close_all(&b);
}

#define A(name, shape, from, to) "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"
#define PATCH A("patch_embed.proj.weight", "[64,3,2,2]", 0, 3072)
#define POSITIONS "," A("pos_embed", "[1,5,64]", 3072, 4352)
#define FC1 "," A("blocks.0.mlp.fc1.weight", "[2,64]", 4352, 4864)

Test(vit, files_without_a_vision_transformer_are_refused)
{
    refuse("{" A("conv_in.weight", "[1]", 0, 4) "}", (hf_vit_params){ 0 }, HF_EMODEL,
           "net.safetensors: no vision transformer in it");
}

Test(vit, missing_arrays_are_named)
{
    refuse("{" PATCH "}", (hf_vit_params){ 0 }, HF_EMODEL, "no array \"pos_embed\"");
    refuse("{" PATCH POSITIONS "}", (hf_vit_params){ 0 }, HF_EMODEL, "no array \"blocks.0.mlp.fc1.weight\"");
    refuse("{" PATCH POSITIONS FC1 "}", (hf_vit_params){ 0 }, HF_EMODEL, "the number of its blocks is 0");
    refuse("{" PATCH POSITIONS FC1 "," A("blocks.0.norm1.weight", "[64]", 4864, 5120) "}", (hf_vit_params){ 0 }, HF_EMODEL,
           "no array \"patch_embed.proj.bias\"");
}

Test(vit, sizes_that_do_not_go_together_are_refused)
{
    refuse("{" PATCH "," A("pos_embed", "[1,4,64]", 3072, 4096) "," A("blocks.0.mlp.fc1.weight", "[2,64]", 4096, 4608) "}",
           (hf_vit_params){ 0 }, HF_EMODEL, "the number of its positions is 4, want 1 + a square");
    refuse("{" PATCH "," A("pos_embed", "[5,64]", 3072, 4352) FC1 "}", (hf_vit_params){ 0 }, HF_EMODEL,
           "array \"pos_embed\" has 2 dimensions, want 3");
    refuse("{" PATCH POSITIONS FC1 "}", (hf_vit_params){ .n_heads = 5 }, HF_EMODEL,
           "its width is 64, want a multiple of the heads");
    refuse("{" PATCH POSITIONS FC1 "," A("blocks.0.norm1.weight", "[64]", 4864, 5120) "," A("patch_embed.proj.bias", "[63]", 5120, 5372) "}",
           (hf_vit_params){ 0 }, HF_EMODEL, "array \"patch_embed.proj.bias\" has shape [63], want [64]");
}

Test(vit, a_stride_that_does_not_divide_the_patch_is_refused)
{
    refuse("{" PATCH POSITIONS FC1 "," A("blocks.0.norm1.weight", "[64]", 4864, 5120) "}", (hf_vit_params){ .stride_px = 3 },
           HF_EARG, "a stride of 3 pixels does not divide patches of 2");
}

Test(vit, a_picture_smaller_than_a_patch_is_refused)
{
    bench b = open_golden("cpu", "vit_dino.safetensors", 3, 8, HF_F32);
    cr_expect_eq(hf_vit_prepare(b.vit, 40, 7, &err), HF_EARG);
    cr_expect_str_eq(err.text, "a picture of 40 x 7 pixels is smaller than a patch of 8");
    close_all(&b);
}

/* ---- log-binning ---- */

Test(log_bin, is_dino_vit_features_on_every_backend)
{
    static const char *const backends[] = { "ref", "cpu" };
    hf_tensor_file *file = golden_open("log_bin.safetensors");
    hf_tensor x = golden_array(file, "x");
    for (int i = 0; i < 2; i++)
        for (int levels = 1; levels <= 3; levels++) {
            hf_backend *be;
            hf_log_bin *bin;
            char name[32];
            snprintf(name, sizeof(name), "bins.%d", levels);
            hf_tensor want = golden_array(file, name), out = want;
            out.data = malloc(hf_tensor_bytes(&want));
            cr_assert_eq(want.shape[2], hf_log_bin_parts(levels) * x.shape[2]);
            cr_assert_eq(hf_backend_open(&be, backends[i], 2, &err), HF_OK);
            cr_assert_eq(hf_log_bin_new(&bin, be, levels, (int)x.shape[0], (int)x.shape[1], (int)x.shape[2], &err), HF_OK);
            cr_assert_eq(hf_log_bin_run(bin, &out, &x, &err), HF_OK, "%s", err.text);
            for (int64_t n = 0; n < hf_tensor_count(&want); n++)
                cr_assert_float_eq(((float *)out.data)[n], ((float *)want.data)[n], 1e-6, "%s, %d levels, value %lld",
                                   backends[i], levels, (long long)n);
            hf_log_bin_free(&bin);
            hf_backend_close(&be);
            free(out.data);
            free(want.data);
        }
    free(x.data);
    hf_tensor_file_close(&file);
}

Test(log_bin, too_many_levels_are_refused)
{
    hf_backend *be;
    hf_log_bin *bin;
    cr_assert_eq(hf_backend_open(&be, "cpu", 1, &err), HF_OK);
    cr_expect_eq(hf_log_bin_new(&bin, be, 5, 3, 3, 4, &err), HF_EARG);
    cr_expect_null(bin);
    hf_backend_close(&be);
}
