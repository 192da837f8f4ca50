/* test_unet.c - the U-Net against diffusers on tiny networks of both families, and what it refuses.
 * Goldens: tests/golden/make_unet.py. */
#include "tests/golden_net.h"

#include "src/net/unet.h"

#define LIMIT 1e-4

typedef struct fixture {
    golden          weights, expected; /* expected.be is not used */
    hf_unet_config  config;
    hf_unet        *net;
    hf_unet_prompt *prompt;
    hf_unet_times  *times;
    hf_tensor       latent, text, noise;
} fixture;

typedef struct family {
    const char *file;
    int         n_heads[HF_UNET_MAX_LEVELS]; /* its config.json: shapes do not tell */
} family;

static const family sd1 = { "unet_sd1", { 2, 2, 2, 2 } }, sd2 = { "unet_sd2", { 1, 2, 4, 4 } };
static hf_error err;

static golden open_file(const char *format, const char *family, const char *backend)
{
    char name[96];
    snprintf(name, sizeof(name), format, family);
    return golden_open(name, backend);
}

static hf_unet_config read_config(const hf_weights *weights, const family *f)
{
    hf_unet_config c;
    cr_assert_eq(hf_unet_config_read(&c, weights, &err), HF_OK, "%s", err.text);
    memcpy(c.n_heads, f->n_heads, sizeof(c.n_heads));
    c.n_groups = 2;
    return c;
}

static fixture open_unet(const family *f, const char *backend, hf_dtype arithmetic)
{
    fixture x = { .weights = open_file("%s.safetensors", f->file, backend),
                  .expected = open_file("%s_golden.safetensors", f->file, backend) };
    x.config = read_config(x.weights.weights, f);
    x.latent = golden_read(&x.expected, "latent");
    x.text = golden_read(&x.expected, "text");
    x.noise = golden_room(&x.latent);
    cr_assert_eq(hf_unet_open(&x.net, x.weights.be, x.weights.weights, &x.config, arithmetic, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_unet_prompt_new(&x.prompt, x.net, &x.text, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_unet_times_new(&x.times, x.net, (int[]){ -1, 261 }, 2, &err), HF_OK, "%s", err.text);
    cr_assert_eq(hf_unet_prepare(x.net, (int)x.latent.shape[0], (int)x.latent.shape[1], (int)x.latent.shape[2], &err),
                 HF_OK, "%s", err.text);
    return x;
}

static void close_unet(fixture *x)
{
    free(x->latent.data);
    free(x->text.data);
    free(x->noise.data);
    hf_unet_times_free(&x->times);
    hf_unet_prompt_free(&x->prompt);
    hf_unet_close(&x->net);
    golden_close(&x->weights);
    golden_close(&x->expected);
}

/* What taps saw. */
typedef struct seen {
    const golden *expected;
    int           t;
    double        limit;
    int           branches[HF_UNET_MAX_TAPS], n_branches, n_blocks;
    hf_status     answer;
} seen;

static int see_branch(void *ctx, int branch, const hf_tensor *map, hf_error *e)
{
    seen *s = ctx;
    char name[32];
    snprintf(name, sizeof(name), "%d.branch.%d", s->t, branch);
    golden_expect(s->expected, map, name, s->limit);
    s->branches[s->n_branches++] = branch;
    return s->answer < 0 ? hf_fail(e, s->answer, "the tap is full") : HF_OK;
}

static int see_block(void *ctx, int block, const hf_tensor *map, hf_error *e)
{
    seen *s = ctx;
    char name[32];
    (void)e;
    snprintf(name, sizeof(name), "%d.block.%d", s->t, block);
    golden_expect(s->expected, map, name, s->limit);
    s->n_blocks++;
    return HF_OK;
}

static hf_unet_taps taps_of(seen *s, unsigned branches, unsigned blocks)
{
    return (hf_unet_taps){ .branches = branches, .blocks = blocks, .take_branch = see_branch, .take_block = see_block, .ctx = s };
}

static void compare_all(const family *f, const char *backend, hf_dtype arithmetic, double limit)
{
    static const int t[] = { -1, 261 };
    fixture x = open_unet(f, backend, arithmetic);
    for (int i = 0; i < 2; i++) {
        seen s = { .expected = &x.expected, .t = t[i], .limit = limit };
        hf_unet_taps taps = taps_of(&s, 0xfff, 0xf);
        char name[32];
        cr_assert_eq(hf_unet_run(x.net, &x.noise, &x.latent, x.prompt, x.times, i, &taps, &err), HF_OK, "%s", err.text);
        snprintf(name, sizeof(name), "%d.noise", t[i]);
        golden_expect(&x.expected, &x.noise, name, limit);
        cr_expect_eq(s.n_branches, 12);
        cr_expect_eq(s.n_blocks, 4);
        for (int b = 0; b < s.n_branches; b++)
            cr_expect_eq(s.branches[b], b);
    }
    close_unet(&x);
}

Test(unet, every_tap_of_sd1_equals_diffusers_on_ref) { compare_all(&sd1, "ref", HF_F32, LIMIT); }
Test(unet, every_tap_of_sd1_equals_diffusers_on_cpu) { compare_all(&sd1, "cpu", HF_F32, LIMIT); }
Test(unet, every_tap_of_sd2_equals_diffusers_on_ref) { compare_all(&sd2, "ref", HF_F32, LIMIT); }
Test(unet, every_tap_of_sd2_equals_diffusers_on_cpu) { compare_all(&sd2, "cpu", HF_F32, LIMIT); }
Test(unet, weights_in_bf16_stay_near_on_ref) { compare_all(&sd1, "ref", HF_BF16, 5e-2); }

Test(unet, the_configuration_comes_from_the_shapes)
{
    fixture x = open_unet(&sd2, "ref", HF_F32);
    static const int channels[] = { 8, 4, 8, 8 };
    cr_expect_eq(x.config.n_levels, 4);
    cr_expect_eq(x.config.n_layers, 2);
    cr_expect_eq(x.config.n_latent, 4);
    cr_expect_eq(x.config.context_dim, 20);
    for (int i = 0; i < 4; i++) {
        cr_expect_eq(x.config.channels[i], channels[i]);
        cr_expect_eq(x.config.attention[i], i < 3);
    }
    cr_expect_eq(hf_unet_n_branches(&x.config), 12);
    cr_expect_eq(hf_unet_branch_channels(&x.config, 0), 8);
    cr_expect_eq(hf_unet_branch_channels(&x.config, 6), 4);
    cr_expect_eq(hf_unet_block_shift(&x.config, 0), 3);
    close_unet(&x);
}

Test(unet, a_pass_without_noise_ends_behind_its_last_tap)
{
    fixture x = open_unet(&sd1, "cpu", HF_F32);
    seen s = { .expected = &x.expected, .t = 261, .limit = LIMIT };
    hf_unet_taps taps = taps_of(&s, 1u << 2 | 1u << 5, 1u << 0);
    cr_assert_eq(hf_unet_run(x.net, NULL, &x.latent, x.prompt, x.times, 1, &taps, &err), HF_OK, "%s", err.text);
    cr_expect_eq(s.n_branches, 2);
    cr_expect_eq(s.branches[0], 2);
    cr_expect_eq(s.branches[1], 5);
    cr_expect_eq(s.n_blocks, 1);
    close_unet(&x);
}

Test(unet, a_tap_that_fails_ends_the_pass)
{
    fixture x = open_unet(&sd1, "ref", HF_F32);
    seen s = { .expected = &x.expected, .t = -1, .limit = LIMIT, .answer = HF_EIO };
    hf_unet_taps taps = taps_of(&s, 0xfff, 0);
    cr_assert_eq(hf_unet_run(x.net, &x.noise, &x.latent, x.prompt, x.times, 0, &taps, &err), HF_EIO);
    cr_expect_str_eq(err.text, "the tap is full");
    cr_expect_eq(s.n_branches, 1);
    close_unet(&x);
}

Test(unet, a_batch_is_its_pictures_one_by_one)
{
    fixture x = open_unet(&sd1, "cpu", HF_F32);
    hf_tensor both = golden_room(&x.noise);
    cr_assert_eq(hf_unet_run(x.net, &both, &x.latent, x.prompt, x.times, 1, NULL, &err), HF_OK);
    cr_assert_eq(hf_unet_prepare(x.net, 1, 16, 8, &err), HF_OK);
    size_t half = hf_tensor_bytes(&x.latent) / 2;
    for (int i = 0; i < 2; i++) {
        hf_tensor latent = hf_tensor_view((char *)x.latent.data + i * half, HF_F32, 4, 1, 16, 8, 4);
        hf_tensor noise = hf_tensor_view((char *)x.noise.data + i * half, HF_F32, 4, 1, 16, 8, 4);
        cr_assert_eq(hf_unet_run(x.net, &noise, &latent, x.prompt, x.times, 1, NULL, &err), HF_OK);
    }
    cr_expect_lt(golden_distance(&x.noise, &both), 1e-6);
    free(both.data);
    close_unet(&x);
}

Test(unet, sizes_that_do_not_halve_are_refused)
{
    fixture x = open_unet(&sd1, "ref", HF_F32);
    cr_expect_eq(hf_unet_prepare(x.net, 1, 12, 8, &err), HF_EARG);
    cr_expect_str_eq(err.text, "unet: 1 latents of 12 x 8 cells, want multiples of 8");
    cr_expect_eq(hf_unet_scratch_bytes(x.net, 1, 12, 8), 0);
    cr_expect_gt(hf_unet_scratch_bytes(x.net, 2, 16, 8), hf_unet_scratch_bytes(x.net, 1, 16, 8));
    close_unet(&x);
}

Test(unet, a_latent_of_another_size_than_prepared_is_refused)
{
    fixture x = open_unet(&sd1, "ref", HF_F32);
    cr_assert_eq(hf_unet_prepare(x.net, 1, 8, 8, &err), HF_OK);
    cr_expect_eq(hf_unet_run(x.net, &x.noise, &x.latent, x.prompt, x.times, 0, NULL, &err), HF_EARG);
    cr_expect_str_eq(err.text, "unet: 2 latents of 16 x 8 cells, prepared for 1 of 8 x 8");
    close_unet(&x);
}

Test(unet, a_text_of_another_width_is_refused)
{
    fixture x = open_unet(&sd1, "ref", HF_F32);
    hf_unet_prompt *prompt = NULL;
    hf_tensor text = hf_tensor_view(x.text.data, HF_F32, 2, 3, 20);
    cr_expect_eq(hf_unet_prompt_new(&prompt, x.net, &text, &err), HF_EMODEL);
    cr_expect_str_eq(err.text, "unet: the text embedding has 20 channels, want 12");
    cr_expect_null(prompt);
    close_unet(&x);
}

static void expect_refused(const hf_unet_config *config, const golden *weights, hf_status status, const char *text)
{
    hf_unet *net = NULL;
    cr_expect_eq(hf_unet_open(&net, weights->be, weights->weights, config, HF_F32, &err), status);
    cr_expect_not_null(strstr(err.text, text), "\"%s\" is not in \"%s\"", text, err.text);
    cr_expect_null(net);
}

Test(unet, configurations_that_cannot_be_are_refused)
{
    golden g = open_file("%s.safetensors", "unet_sd1", "ref");
    const hf_unet_config good = read_config(g.weights, &sd1);
    hf_unet_config bad = good;
    bad.n_heads[1] = 3;
    expect_refused(&bad, &g, HF_EARG, "level 1 has 3 heads");
    bad = good, bad.n_groups = 3;
    expect_refused(&bad, &g, HF_EARG, "level 0 has 4 channels, want a multiple of the 3 groups");
    bad = good, bad.n_levels = 5;
    expect_refused(&bad, &g, HF_EARG, "5 levels");
    bad = good, bad.n_layers = 3;
    expect_refused(&bad, &g, HF_EMODEL, "down_blocks.0.resnets.2");
    bad = good, bad.context_dim = 16;
    expect_refused(&bad, &g, HF_EMODEL, "attn2.to_k.weight");
    golden_close(&g);
}

Test(unet, files_that_hold_no_unet_are_refused)
{
    golden g = golden_open("aggregation.safetensors", "ref");
    hf_unet_config c;
    cr_expect_eq(hf_unet_config_read(&c, g.weights, &err), HF_EMODEL);
    cr_expect_not_null(strstr(err.text, "conv_in.weight"), "%s", err.text);
    golden_close(&g);
}
