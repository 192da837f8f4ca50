/* test_vae.c - the VAE encoder against diffusers, block by block (golden/make_vae.py), and its sampling. */
#include <string.h>

#include "src/net/vae.h"
#include "src/noise.h"
#include "tests/golden_net.h"

#define LIMIT 1e-4

static hf_error err;

/* A golden, its network, planned for its picture. */
typedef struct fixture {
    golden    g;
    hf_vae   *vae;
    hf_arena *arena;
    hf_tensor image, latents;
} fixture;

static fixture open_vae(const char *file, const char *backend, int n_groups, hf_dtype dtype)
{
    fixture f = { .g = golden_open(file, backend) };
    hf_vae_config c;
    cr_assert_eq(hf_vae_config_infer(&c, f.g.weights, &err), HF_OK, "%s", err.text);
    c.n_groups = n_groups;
    cr_assert_eq(hf_vae_open(&f.vae, f.g.be, f.g.weights, &c, dtype, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_arena_new(&f.arena, f.g.be, "vae scratch", &err), HF_OK);
    f.image = golden_read(&f.g, "in.image");
    f.latents = golden_read(&f.g, "out.mean");
    memset(f.latents.data, 0, hf_tensor_bytes(&f.latents));
    return f;
}

static void plan(fixture *f)
{
    const int64_t *s = f->image.shape;
    cr_assert_eq(hf_vae_plan(f->vae, f->arena, s[0], s[1], s[2], &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_arena_seal(f->arena, 0, &err), HF_OK);
}

static void encode(fixture *f, const hf_vae_sample *sample)
{
    cr_assert_eq(hf_vae_encode(f->vae, f->arena, &f->latents, &f->image, sample, &err), HF_OK, "%s", err.text);
}

static void close_vae(fixture *f)
{
    free(f->image.data);
    free(f->latents.data);
    hf_arena_free(&f->arena);
    hf_vae_close(&f->vae);
    golden_close(&f->g);
}

typedef struct watcher {
    const golden *g;
    int           n;
} watcher;

static void compare(void *ctx, const char *name, const hf_tensor *value)
{
    watcher *w = ctx;
    char full[64];
    snprintf(full, sizeof(full), "out.%s", name);
    golden_expect(w->g, value, full, LIMIT);
    w->n++;
}

static void check_blocks(const char *file, const char *backend, int n_groups, int n_values)
{
    fixture f = open_vae(file, backend, n_groups, HF_F32);
    watcher w = { .g = &f.g };
    hf_pass_watch watch = { compare, &w };
    plan(&f);
    hf_vae_watch(f.vae, &watch);
    encode(&f, NULL);
    golden_expect(&f.g, &f.latents, "out.mean", LIMIT);
    cr_expect_eq(w.n, n_values);
    close_vae(&f);
}

Test(vae, three_blocks_on_ref_are_what_diffusers_computes) { check_blocks("vae_a.safetensors", "ref", 8, 6); }
Test(vae, three_blocks_on_cpu_are_what_diffusers_computes) { check_blocks("vae_a.safetensors", "cpu", 8, 6); }
Test(vae, two_blocks_on_ref_are_what_diffusers_computes) { check_blocks("vae_b.safetensors", "ref", 4, 5); }
Test(vae, two_blocks_on_cpu_are_what_diffusers_computes) { check_blocks("vae_b.safetensors", "cpu", 4, 5); }

static void check_bf16(const char *backend)
{
    fixture f = open_vae("vae_a.safetensors", backend, 8, HF_BF16);
    plan(&f);
    encode(&f, NULL);
    golden_expect(&f.g, &f.latents, "out.mean", 2e-2);
    close_vae(&f);
}

Test(vae, bf16_on_ref_stays_near) { check_bf16("ref"); }

Test(vae, sizes_are_seen_from_the_arrays)
{
    golden g = golden_open("vae_b.safetensors", "ref");
    hf_vae_config c;
    cr_assert_eq(hf_vae_config_infer(&c, g.weights, &err), HF_OK, "%s", err.text);
    cr_expect_eq(c.n_blocks, 2);
    cr_expect_eq(c.channels[0], 8);
    cr_expect_eq(c.channels[1], 24);
    cr_expect_eq(c.layers_per_block, 2);
    cr_expect_eq(c.latent_channels, 4);
    cr_expect_eq(c.n_groups, 32); /* habit: no array says so */
    golden_close(&g);
}

Test(vae, a_sample_is_the_mean_and_deviations_of_our_noise)
{
    fixture f = open_vae("vae_a.safetensors", "cpu", 8, HF_F32);
    plan(&f);
    encode(&f, &(hf_vae_sample){ .seed = 7, .stream = 40 });
    hf_tensor mean = golden_read(&f.g, "out.mean"), deviation = golden_read(&f.g, "out.deviation");
    int64_t N = mean.shape[0], n = hf_tensor_count(&mean) / N;
    float *want = mean.data, *noise = malloc((size_t)n * sizeof(float));
    for (int64_t i = 0; i < N; i++) {
        hf_noise_normal(noise, 0, n, 7, 40 + (uint64_t)i);
        for (int64_t j = 0; j < n; j++)
            want[i * n + j] += ((float *)deviation.data)[i * n + j] * noise[j];
    }
    /* Huge deviations are exponentials: f32 rounding of their logarithms grows by their size. */
    cr_expect_lt(golden_distance(&f.latents, &mean), 1e-3);
    free(noise);
    free(mean.data);
    free(deviation.data);
    close_vae(&f);
}

Test(vae, a_shared_stream_is_the_first_pictures_for_all)
{
    fixture f = open_vae("vae_a.safetensors", "cpu", 8, HF_F32);
    plan(&f);
    int64_t N = f.latents.shape[0], n = hf_tensor_count(&f.latents) / N;
    cr_assert_gt(N, 1);
    hf_tensor own = golden_room(&f.latents);
    encode(&f, &(hf_vae_sample){ .seed = 7, .stream = 40 });
    memcpy(own.data, f.latents.data, hf_tensor_bytes(&own));
    encode(&f, &(hf_vae_sample){ .seed = 7, .stream = 40, .is_shared = true });
    size_t one = (size_t)n * sizeof(float);
    cr_expect_eq(memcmp(own.data, f.latents.data, one), 0);
    cr_expect_neq(memcmp((char *)own.data + one, (char *)f.latents.data + one, one), 0);
    /* Stream 39 begins one picture earlier: its second picture has the noise of 40. */
    encode(&f, &(hf_vae_sample){ .seed = 7, .stream = 39 });
    memcpy(own.data, f.latents.data, hf_tensor_bytes(&own));
    encode(&f, &(hf_vae_sample){ .seed = 7, .stream = 40, .is_shared = true });
    cr_expect_eq(memcmp((char *)own.data + one, (char *)f.latents.data + one, one), 0);
    free(own.data);
    close_vae(&f);
}

Test(vae, the_same_seed_gives_the_same_sample_and_another_does_not)
{
    fixture f = open_vae("vae_b.safetensors", "cpu", 4, HF_F32);
    hf_tensor first = golden_room(&f.latents);
    plan(&f);
    encode(&f, &(hf_vae_sample){ .seed = 1 });
    memcpy(first.data, f.latents.data, hf_tensor_bytes(&first));
    encode(&f, &(hf_vae_sample){ .seed = 1 });
    cr_expect_eq(memcmp(first.data, f.latents.data, hf_tensor_bytes(&first)), 0);
    encode(&f, &(hf_vae_sample){ .seed = 2 });
    cr_expect_neq(memcmp(first.data, f.latents.data, hf_tensor_bytes(&first)), 0);
    encode(&f, &(hf_vae_sample){ .seed = 1, .stream = 1 });
    cr_expect_neq(memcmp(first.data, f.latents.data, hf_tensor_bytes(&first)), 0);
    free(first.data);
    close_vae(&f);
}

/* Pictures of a batch do not see each other. */
Test(vae, a_batch_is_its_pictures_one_by_one)
{
    fixture f = open_vae("vae_a.safetensors", "cpu", 8, HF_F32);
    plan(&f);
    encode(&f, NULL);
    for (int64_t i = 0; i < 2; i++) {
        hf_tensor image = f.image, latents = f.latents, one;
        image.shape[0] = latents.shape[0] = 1;
        image.data = (float *)f.image.data + i * hf_tensor_count(&image);
        latents.data = (float *)f.latents.data + i * hf_tensor_count(&latents);
        one = golden_room(&latents);
        cr_assert_eq(hf_vae_encode(f.vae, f.arena, &one, &image, NULL, &err), HF_OK, "%s", err.text);
        cr_expect_lt(golden_distance(&one, &latents), 1e-6);
        free(one.data);
    }
    close_vae(&f);
}

Test(vae, the_arena_is_as_before_when_an_encode_returns)
{
    fixture f = open_vae("vae_a.safetensors", "cpu", 8, HF_F32);
    plan(&f);
    encode(&f, NULL);
    cr_expect_eq(hf_arena_mark(f.arena), 0);
    cr_expect_eq(hf_arena_peak(f.arena), hf_arena_size(f.arena));
    close_vae(&f);
}

Test(vae, too_small_an_arena_is_an_error)
{
    fixture f = open_vae("vae_a.safetensors", "cpu", 8, HF_F32);
    cr_assert_eq(hf_vae_plan(f.vae, f.arena, 1, 8, 8, &err), HF_OK);
    cr_assert_eq(hf_arena_seal(f.arena, 0, &err), HF_OK);
    cr_expect_eq(hf_vae_encode(f.vae, f.arena, &f.latents, &f.image, NULL, &err), HF_ENOMEM);
    cr_expect(strstr(err.text, "vae scratch"), "%s", err.text);
    cr_expect_eq(hf_arena_mark(f.arena), 0);
    close_vae(&f);
}

Test(vae, sizes_that_are_no_multiple_of_the_stride_are_refused)
{
    fixture f = open_vae("vae_a.safetensors", "cpu", 8, HF_F32);
    cr_expect_eq(hf_vae_stride(f.vae), 4);
    cr_expect_eq(hf_vae_plan(f.vae, f.arena, 1, 10, 16, &err), HF_EARG);
    cr_expect_str_eq(err.text, "vae: 1 pictures of 16 x 10 pixels, want multiples of 4");
    cr_expect_eq(hf_vae_plan(f.vae, f.arena, 1, 16, 0, &err), HF_EARG);
    close_vae(&f);
}

static void expect_refusal(const golden *g, hf_vae_config c, const char *text)
{
    hf_vae *opened = (hf_vae *)&c;
    cr_expect_eq(hf_vae_open(&opened, g->be, g->weights, &c, HF_F32, &err), HF_EMODEL);
    cr_expect_null(opened);
    cr_expect(strstr(err.text, text), "'%s' lacks '%s'", err.text, text);
}

Test(vae, wrong_configs_and_arrays_are_refused)
{
    golden g = golden_open("vae_b.safetensors", "ref");
    hf_vae_config good = { .n_blocks = 2, .channels = { 8, 24 }, .layers_per_block = 2, .latent_channels = 4,
                           .n_groups = 4, .scale = 1 }, c = good;
    c.n_blocks = 9;
    expect_refusal(&g, c, "9 blocks, want 1..8");
    c = good, c.layers_per_block = 0;
    expect_refusal(&g, c, "0 layers a block, want 1..8");
    c = good, c.latent_channels = 0;
    expect_refusal(&g, c, "0 latent channels");
    c = good, c.scale = 0;
    expect_refusal(&g, c, "a scaling factor of 0");
    c = good, c.n_groups = 5;
    expect_refusal(&g, c, "want a multiple of 5 norm groups");
    c = good, c.channels[1] = 16;
    expect_refusal(&g, c, "encoder.down_blocks.1.resnets.0.conv1.weight");
    c = good, c.layers_per_block = 3;
    expect_refusal(&g, c, "encoder.down_blocks.0.resnets.2.norm1.weight");
    golden_close(&g);
}

Test(noise, numbers_are_normal)
{
    enum { N = 200000 };
    float *x = malloc(N * sizeof(float));
    double mean = 0, square = 0, cube = 0, fourth = 0, neighbours = 0;
    hf_noise_normal(x, 0, N, 123, 4);
    for (int i = 0; i < N; i++) {
        double v = (double)x[i];
        mean += v / N, square += v * v / N, cube += v * v * v / N, fourth += v * v * v * v / N;
        neighbours += i ? v * (double)x[i - 1] / N : 0;
    }
    /* Five standard errors of each: 1, sqrt 2, sqrt 15, sqrt 96, 1 over sqrt N. */
    cr_expect_lt(fabs(mean), 5 / sqrt(N));
    cr_expect_lt(fabs(square - 1), 5 * sqrt(2.0 / N));
    cr_expect_lt(fabs(cube), 5 * sqrt(15.0 / N));
    cr_expect_lt(fabs(fourth - 3), 5 * sqrt(96.0 / N));
    cr_expect_lt(fabs(neighbours), 5 / sqrt(N));
    free(x);
}

Test(noise, a_part_is_the_same_drawn_alone)
{
    float all[9], part[4];
    hf_noise_normal(all, 0, 9, 5, 6);
    hf_noise_normal(part, 3, 4, 5, 6);
    cr_expect_eq(memcmp(all + 3, part, sizeof(part)), 0);
}

/* The formula of noise.h, evaluated with Python's integers. */
Test(noise, numbers_are_those_of_the_formula)
{
    float x[3];
    hf_noise_normal(x, 0, 3, 42, 1);
    cr_expect_float_eq(x[0], 1.8034639f, 1e-6);
    cr_expect_float_eq(x[1], 0.5148144f, 1e-6);
    cr_expect_float_eq(x[2], 1.1688779f, 1e-6);
}
