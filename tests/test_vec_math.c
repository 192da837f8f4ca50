/* test_vec_math.c - error of exp and erf over the whole range. */
#include <criterion/criterion.h>
#include <math.h>

#include "src/vec_math.h"

Test(vec_math, exp_keeps_its_error_over_the_whole_range)
{
    for (double x = -87; x <= 88; x += 0.0007) {
        float f = (float)x;
        cr_assert(fabs((double)hf_exp(f) / exp((double)f) - 1) < 1.1e-7, "exp(%.9g) is %.9g",
                  (double)f, (double)hf_exp(f));
    }
}

Test(vec_math, exp_is_finite_and_positive_whatever_comes)
{
    static const float xs[] = { -INFINITY, -1e30f, -88, 0, 89, 1e30f, INFINITY };
    for (size_t i = 0; i < sizeof(xs) / sizeof(xs[0]); i++)
        cr_assert(hf_exp(xs[i]) > 0 && isfinite(hf_exp(xs[i])), "exp(%g)", (double)xs[i]);
    cr_assert_eq(hf_exp(0), 1);
}

Test(vec_math, erf_keeps_its_error_and_its_sign)
{
    for (double x = -10; x <= 10; x += 0.0003) {
        float f = (float)x;
        cr_assert(fabs((double)hf_erf(f) - erf((double)f)) < 6e-7, "erf(%.9g) is %.9g", (double)f,
                  (double)hf_erf(f));
    }
}
