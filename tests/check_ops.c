/* check_ops.c - every operation of src/ops.h on `ref` against every other backend.
 *
 *     check_ops [--bench] [--backend NAME] [--threads N] [OPERATION]
 *
 * Prints the failures and one closing line, "N passed, N failed, N skipped"; exits 1 if
 * one failed. --bench prints milliseconds and GFLOP/s (or GB/s) of the other backend.
 */
#include "tests/check_ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/half.h"
#include "src/ref.h"

static uint64_t random_state;

/* A 64-bit linear congruential generator (Knuth's MMIX constants), upper bits. */
static double next_uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

static double uniform(void)
{
    return next_uniform(&random_state);
}

int64_t check_draw(check_state *state, int64_t from, int64_t to)
{
    return from + (int64_t)(next_uniform(&state->drawn) * (double)(to - from + 1));
}

/* Sum of uniforms: mean 0, variance 1, no tails that would make a limit random. */
static double normal(void)
{
    return (uniform() + uniform() + uniform() + uniform() - 2) * sqrt(3);
}

static double fill_value(const check_array *a, int64_t i)
{
    int64_t row = i / a->shape[a->n_dims - 1];
    switch (a->fill) {
    case CHECK_NORMAL: return normal();
    case CHECK_ZERO: return 0;
    case CHECK_ZERO_ROWS: return row % 3 == 1 ? 0 : normal();
    case CHECK_LARGE: return 1e4 * normal();
    case CHECK_OFFSET: return 1000 + normal();
    case CHECK_SAME: return 0.5;
    case CHECK_TINY: return 1e-25 * normal();
    case CHECK_SPIKE: return i == 0 ? 1e4 : normal();
    case CHECK_MINUS_INFINITY_ROWS: return row % 3 == 1 ? -INFINITY : normal();
    case CHECK_INDEX: return floor(uniform() * (a->dtype == HF_U8 ? 256 : a->index_limit));
    }
    return 0;
}

/* Host memory with the array's contents. */
static hf_tensor fill_new(const check_array *a)
{
    hf_tensor t = hf_tensor_view_shape(NULL, a->dtype, a->n_dims, a->shape);
    t.data = malloc(hf_tensor_bytes(&t) + 1);
    for (int64_t i = 0; i < hf_tensor_count(&t); i++) {
        double value = fill_value(a, i);
        if (t.dtype == HF_I32)
            ((int32_t *)t.data)[i] = (int32_t)value;
        else
            hf_put(&t, i, value);
    }
    return t;
}

/* A case on one backend. */
typedef struct run {
    hf_backend *be;
    hf_tensor   t[CHECK_MAX_TENSORS];
    void       *memory[CHECK_MAX_TENSORS]; /* of t, which may begin later */
    check_args  args;
} run;

/* *memory: what to free. */
static hf_tensor upload(hf_backend *be, const hf_tensor *host, int skip, void **memory)
{
    size_t before = (size_t)skip * hf_dtype_size(host->dtype);
    hf_tensor t = *host;
    if (!(*memory = be->ops.alloc(be, hf_tensor_bytes(host) + before))) {
        fprintf(stderr, "check_ops: out of memory\n");
        exit(1);
    }
    t.data = (char *)*memory + before;
    be->ops.write(be, &t, host->data, NULL);
    be->ops.sync(be, NULL);
    return t;
}

static int run_open(run *r, hf_backend *be, const check_case *c, const hf_tensor *host,
                    const hf_tensor *weight, hf_error *err)
{
    *r = (run){ .be = be, .args.params = c->params };
    for (int i = 0; i < CHECK_MAX_TENSORS; i++) {
        if (!c->arrays[i].n_dims)
            continue;
        if (!(c->in_place && i == c->in_place)) {
            r->t[i] = upload(be, i == 0 && c->in_place ? &host[c->in_place] : &host[i], c->arrays[i].skip,
                             &r->memory[i]);
            r->args.t[i] = &r->t[i];
        } else {
            r->args.t[i] = &r->t[0];
        }
    }
    if (!c->weight.n_dims)
        return HF_OK;
    void *memory;
    hf_tensor w = upload(be, weight, c->weight.skip, &memory);
    int rc = be->ops.packed_new(be, &r->args.packed, &w, &c->pack, err);
    be->ops.free(be, memory);
    return rc;
}

static void run_close(run *r)
{
    for (int i = 0; i < CHECK_MAX_TENSORS; i++)
        r->be->ops.free(r->be, r->memory[i]);
    r->be->ops.packed_free(r->be, &r->args.packed);
}

static void *download(run *r)
{
    void *host = malloc(hf_tensor_bytes(&r->t[0]) + 1);
    r->be->ops.read(r->be, host, &r->t[0], NULL);
    r->be->ops.sync(r->be, NULL);
    return host;
}

/* Sum of squared differences over sum of squares. Anything that is not a number, on
 * either side, makes it infinite. */
static double nmse(const hf_tensor *shape, void *got, void *want)
{
    hf_tensor g = *shape, w = *shape;
    double error = 0, power = 0;
    g.data = got, w.data = want;
    for (int64_t i = 0; i < hf_tensor_count(shape); i++) {
        double a = hf_get(&g, i), b = hf_get(&w, i);
        error += (a - b) * (a - b);
        power += b * b;
    }
    if (!isfinite(error) || !isfinite(power))
        return INFINITY;
    return power > 0 ? error / power : error > 0 ? INFINITY : 0;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Best of several runs: other work on the machine only ever adds time. */
static void time_case(const check_state *state, const check_case *c, run *r)
{
    double best = INFINITY, begin = seconds();
    for (int i = 0; i < 3 || seconds() - begin < 0.4; i++) {
        double from = seconds();
        if (c->call(state->other, &r->args, NULL) < 0)
            return;
        state->other->ops.sync(state->other, NULL);
        best = fmin(best, seconds() - from);
    }
    printf("%-14s %-44s %9.3f ms %9.1f G/s\n", c->op, c->label, best * 1e3, c->flops / best * 1e-9);
}

static int run_both(check_state *state, const check_case *c, run *ref, run *other, double *found,
                    hf_error *err)
{
    int rc = HF_OK;
    *found = 0;
    if ((rc = c->call(state->other, &other->args, err)) < 0 || c->bench_only)
        return rc;
    if ((rc = c->call(state->ref, &ref->args, err)) < 0)
        return rc;
    void *got = download(other), *want = download(ref);
    *found = nmse(&ref->t[0], got, want);
    free(got);
    free(want);
    return HF_OK;
}

void check_run(check_state *state, const check_case *c)
{
    hf_tensor host[CHECK_MAX_TENSORS] = { 0 }, weight = { 0 };
    run ref = { .be = state->ref }, other = { .be = state->other };
    double limit = c->limit > 0 ? c->limit : CHECK_LIMIT, found = 0;
    hf_error err = { 0 };
    int rc;

    if ((state->only && strcmp(state->only, c->op) != 0) || (c->bench_only && !state->bench))
        return;
    random_state = 42;
    for (int i = 0; i < CHECK_MAX_TENSORS; i++)
        if (c->arrays[i].n_dims)
            host[i] = fill_new(&c->arrays[i]);
    if (c->weight.n_dims)
        weight = fill_new(&c->weight);
    if ((c->bench_only || (rc = run_open(&ref, state->ref, c, host, &weight, &err)) >= 0) &&
        (rc = run_open(&other, state->other, c, host, &weight, &err)) >= 0)
        rc = run_both(state, c, &ref, &other, &found, &err);
    if (rc == HF_EUNSUPPORTED) {
        state->n_skipped++;
        printf("skipped %s %s: %s\n", c->op, c->label, err.text);
    } else if (rc < 0 || !(found <= limit)) {
        state->n_failed++;
        printf("FAILED %s %s on %s: %s, error %.3g, want at most %.3g\n", c->op, c->label,
               state->other->name, rc < 0 ? err.text : "differs from ref", found, limit);
    } else {
        state->n_passed++;
        if (state->bench && c->flops > 0)
            time_case(state, c, &other);
    }
    run_close(&ref);
    run_close(&other);
    free(weight.data);
    for (int i = 0; i < CHECK_MAX_TENSORS; i++)
        free(host[i].data);
}

static void run_families(check_state *state)
{
    check_linear(state);
    check_conv2d(state);
    check_matmul(state);
    check_pool(state);
    check_attention(state);
    check_norm(state);
    check_pointwise(state);
    check_resize(state);
}

int main(int argc, char **argv)
{
    check_state state = { 0 };
    const char *backend = NULL;
    hf_error err = { 0 };
    int n_threads = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bench") == 0)
            state.bench = true;
        else if (strcmp(argv[i], "--backend") == 0 && i + 1 < argc)
            backend = argv[++i];
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            n_threads = atoi(argv[++i]);
        else
            state.only = argv[i];
    }
    if (hf_backend_open(&state.ref, "ref", 1, &err) < 0) {
        fprintf(stderr, "check_ops: %s\n", err.text);
        return 1;
    }
    for (const char *const *name = hf_backend_names(); *name; name++) {
        if (strcmp(*name, "ref") == 0 || (backend && strcmp(*name, backend) != 0))
            continue;
        if (hf_backend_open(&state.other, *name, n_threads, &err) < 0) {
            printf("skipped backend %s: %s\n", *name, err.text);
            state.n_skipped++;
            continue;
        }
        run_families(&state);
        hf_backend_close(&state.other);
    }
    hf_backend_close(&state.ref);
    printf("check_ops: %d passed, %d failed, %d skipped\n", state.n_passed, state.n_failed,
           state.n_skipped);
    return state.n_failed || !state.n_passed;
}
