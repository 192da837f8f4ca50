/* check_ops.h - the harness of check_ops: one case on `ref` and on another backend.
 *
 * A family file holds the table of its operation's cases and one `call` that puts a case
 * into the operation. The harness makes the inputs, runs both backends, compares, and
 * counts; with --bench it times the other backend on the cases marked for it.
 */
#ifndef HF_TESTS_CHECK_OPS_H
#define HF_TESTS_CHECK_OPS_H

#include "src/backend.h"

#define CHECK_MAX_TENSORS 5
#define CHECK_LIMIT 1e-11 /* normalised mean square error: f32 sums in another order, 3e-6 of a value */

typedef enum check_fill {
    CHECK_NORMAL, /* mean 0, deviation 1 */
    CHECK_ZERO,
    CHECK_ZERO_ROWS, /* normal, every third row zero */
    CHECK_LARGE,     /* deviation 1e4 */
    CHECK_OFFSET,    /* mean 1000, deviation 1: a mean that eats the digits */
    CHECK_SAME,      /* 0.5 everywhere: ties */
    CHECK_TINY,      /* deviation 1e-25: squares vanish in f32 */
    CHECK_SPIKE,     /* the first number 1e4, the others normal */
    CHECK_MINUS_INFINITY_ROWS, /* normal, every third row -infinity */
    CHECK_INDEX      /* i32 0..limit-1, or u8 0..255 */
} check_fill;

typedef struct check_array {
    hf_dtype   dtype;
    int        n_dims;
    int64_t    shape[HF_MAX_DIMS];
    check_fill fill;
    int        index_limit; /* for i32 */
    int        skip; /* numbers of memory before the first: an address that vectors cannot use */
} check_array;

/* What a call gets: tensors of the backend; 0 is the output. absent: NULL. */
typedef struct check_args {
    const hf_tensor *t[CHECK_MAX_TENSORS];
    hf_packed       *packed; /* of the case's weight, or NULL */
    const void      *params;
} check_args;

typedef int (*check_call)(hf_backend *be, const check_args *args, hf_error *err);

typedef struct check_case {
    const char    *op;
    const char    *label;
    check_call     call;
    const void    *params;
    check_array    arrays[CHECK_MAX_TENSORS]; /* n_dims 0: absent */
    check_array    weight;                    /* n_dims 0: none */
    hf_pack_params pack;
    double         limit;    /* 0: CHECK_LIMIT */
    int            in_place; /* the input that shares memory with the output; 0: none */
    double         flops;    /* > 0: timed by --bench */
    bool           bench_only; /* too big for ref */
} check_case;

typedef struct check_state {
    hf_backend *ref, *other;
    bool        bench;
    const char *only; /* run operations with this name only; NULL: all */
    int         n_passed, n_failed, n_skipped;
    uint64_t    drawn; /* state of check_draw */
} check_state;

void check_run(check_state *state, const check_case *c);

/* A number from..to of a sequence that is the same in every run. */
int64_t check_draw(check_state *state, int64_t from, int64_t to);

/* An array in a table: CHECK_F32(CHECK_NORMAL, 1, 5, 7, 16). */
#define CHECK_N_ARGS(...) (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))
#define CHECK_ARRAY(type, fill_, ...) \
    { .dtype = type, .n_dims = CHECK_N_ARGS(__VA_ARGS__), .shape = { __VA_ARGS__ }, .fill = fill_ }
#define CHECK_F32(fill_, ...) CHECK_ARRAY(HF_F32, fill_, __VA_ARGS__)

void check_linear(check_state *state);
void check_conv2d(check_state *state);
void check_matmul(check_state *state);
void check_pool(check_state *state);
void check_attention(check_state *state);
void check_norm(check_state *state);
void check_pointwise(check_state *state);
void check_resize(check_state *state);

#endif
