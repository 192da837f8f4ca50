/* test_ddim.c - visits and steps of DDIM against the public code's. Golden: tests/golden/make_unet.py. */
#include "tests/golden_net.h"

#include "src/net/ddim.h"

static hf_error err;

static void compare_visits(const golden *g, hf_ddim_direction direction, const char *way, int n)
{
    char name[32];
    hf_ddim ddim;
    snprintf(name, sizeof(name), "%s.%d", way, n);
    hf_tensor want = golden_read(g, name);
    const float *row = want.data;
    cr_assert_eq(hf_ddim_init(&ddim, n, &err), HF_OK);
    cr_assert_eq(want.shape[0], n);
    for (int i = 0; i < n; i++, row += 3) {
        hf_ddim_visit v = hf_ddim_get_visit(&ddim, direction, i);
        cr_expect(v.t == (int)row[0] && v.next == (int)row[1] && v.label == (int)row[2],
                  "%s visit %d: (%d -> %d) label %d, want (%g -> %g) %g", name, i, v.t, v.next, v.label, row[0], row[1], row[2]);
    }
    free(want.data);
}

Test(ddim, visits_and_labels_are_those_of_the_public_code)
{
    golden g = golden_open("ddim_golden.safetensors", "ref");
    static const int n[] = { 1, 5, 50, 1000 };
    for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
        compare_visits(&g, HF_DDIM_INVERSION, "inversion", n[i]);
        compare_visits(&g, HF_DDIM_GENERATION, "generation", n[i]);
    }
    golden_close(&g);
}

static void compare_steps(hf_prediction prediction, const char *word)
{
    static const int pairs[][2] = { { -1, 0 }, { 0, 20 }, { 960, 980 }, { 980, 960 }, { 20, 0 }, { 0, -1 } };
    golden g = golden_open("ddim_golden.safetensors", "ref");
    hf_tensor x = golden_read(&g, "x"), e = golden_read(&g, "output"), next = golden_room(&x);
    hf_ddim ddim;
    cr_assert_eq(hf_ddim_init(&ddim, 50, &err), HF_OK);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char name[32];
        hf_ddim_factors f = hf_ddim_get_factors(&ddim, pairs[i][0], pairs[i][1], prediction);
        for (int64_t j = 0; j < hf_tensor_count(&x); j++)
            ((float *)next.data)[j] = f.x_factor * ((float *)x.data)[j] + f.output_factor * ((float *)e.data)[j];
        snprintf(name, sizeof(name), "%s.%d.%d", word, pairs[i][0], pairs[i][1]);
        golden_expect(&g, &next, name, 2e-6);
    }
    free(x.data);
    free(e.data);
    free(next.data);
    golden_close(&g);
}

Test(ddim, steps_of_noise_are_those_of_the_public_code) { compare_steps(HF_PREDICTION_EPSILON, "epsilon"); }
Test(ddim, steps_of_v_are_those_of_the_formula) { compare_steps(HF_PREDICTION_V, "v"); }

Test(ddim, the_clean_picture_has_alpha_bar_one)
{
    hf_ddim ddim;
    cr_assert_eq(hf_ddim_init(&ddim, 50, &err), HF_OK);
    cr_expect_eq(hf_ddim_alpha_bar(&ddim, -1), 1);
    cr_expect_float_eq(hf_ddim_alpha_bar(&ddim, 0), 1 - 0.00085, 1e-12);
    cr_expect_float_eq(hf_ddim_alpha_bar(&ddim, 999), 0.0047, 1e-4);
}

Test(ddim, a_number_of_steps_out_of_range_is_refused)
{
    hf_ddim ddim;
    cr_expect_eq(hf_ddim_init(&ddim, 0, &err), HF_EARG);
    cr_expect_eq(hf_ddim_init(&ddim, 1001, &err), HF_EARG);
    cr_expect_str_eq(err.text, "ddim: 1001 time steps, want 1..1000");
}
