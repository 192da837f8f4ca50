/* test_taesd.c - the tiny encoder against diffusers (golden/make_vae.py). */
#include <string.h>

#include "src/net/taesd.h"
#include "tests/golden_net.h"

static hf_error err;

static void check(const char *file, const char *backend, hf_dtype dtype, double limit)
{
    golden g = golden_open(file, backend);
    hf_taesd *t = NULL;
    hf_arena *arena = NULL;
    hf_tensor image = golden_read(&g, "in.image"), want = golden_read(&g, "out.latents"), latents = golden_room(&want);

    cr_assert_eq(hf_taesd_open(&t, g.be, g.weights, dtype, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_arena_new(&arena, g.be, "taesd scratch", &err), HF_OK);
    cr_assert_eq(hf_taesd_plan(t, arena, image.shape[0], image.shape[1], image.shape[2], &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_arena_seal(arena, 0, &err), HF_OK);
    cr_assert_eq(hf_taesd_encode(t, arena, &latents, &image, &err), HF_OK, "%s", err.text);
    golden_expect(&g, &latents, "out.latents", limit);
    hf_arena_free(&arena);
    hf_taesd_close(&t);
    free(image.data);
    free(want.data);
    free(latents.data);
    golden_close(&g);
}

Test(taesd, diffusers_names_on_ref_give_what_it_computes) { check("taesd_a.safetensors", "ref", HF_F32, 1e-4); }
Test(taesd, diffusers_names_on_cpu_give_what_it_computes) { check("taesd_a.safetensors", "cpu", HF_F32, 1e-4); }
Test(taesd, the_authors_names_on_ref_give_the_same) { check("taesd_b.safetensors", "ref", HF_F32, 1e-4); }
Test(taesd, the_authors_names_on_cpu_give_the_same) { check("taesd_b.safetensors", "cpu", HF_F32, 1e-4); }
Test(taesd, bf16_stays_near) { check("taesd_a.safetensors", "ref", HF_BF16, 2e-2); }

Test(taesd, sizes_are_seen_from_the_arrays)
{
    golden g = golden_open("taesd_b.safetensors", "ref");
    hf_taesd *t = NULL;
    cr_assert_eq(hf_taesd_open(&t, g.be, g.weights, HF_F32, &err), HF_OK, "%s", err.text);
    cr_expect_eq(hf_taesd_stride(t), 4);
    cr_expect_eq(hf_taesd_latent_channels(t), 4);
    cr_expect_gt(hf_taesd_bytes(t), 0);
    hf_taesd_close(&t);
    golden_close(&g);
}

Test(taesd, sizes_that_are_no_multiple_of_the_stride_are_refused)
{
    golden g = golden_open("taesd_b.safetensors", "ref");
    hf_taesd *t = NULL;
    hf_arena *arena = NULL;
    cr_assert_eq(hf_taesd_open(&t, g.be, g.weights, HF_F32, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_arena_new(&arena, g.be, "taesd scratch", &err), HF_OK);
    cr_expect_eq(hf_taesd_plan(t, arena, 1, 20, 30, &err), HF_EARG);
    cr_expect_str_eq(err.text, "taesd: 1 pictures of 30 x 20 pixels, want multiples of 4");
    hf_arena_free(&arena);
    hf_taesd_close(&t);
    golden_close(&g);
}

Test(taesd, a_file_of_something_else_is_refused_by_name)
{
    golden g = golden_open("vae_a.safetensors", "ref");
    hf_taesd *t = (hf_taesd *)&g;
    cr_expect_eq(hf_taesd_open(&t, g.be, g.weights, HF_F32, &err), HF_EMODEL);
    cr_expect_null(t);
    cr_expect(strstr(err.text, "encoder.layers.1.conv.0.weight"), "%s", err.text);
    golden_close(&g);
}
