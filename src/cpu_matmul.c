/* cpu_matmul.c - `cpu`: products of two activations.
 *
 * oneDNN's sgemm and OpenBLAS's run equally fast on the sizes of these networks
 * (both at the limit of AVX-512 multiply-adds); on small products with several
 * threads OpenBLAS is many times slower, and one library has one thread pool to agree with.
 */
#include "src/cpu.h"

#include "src/ops_check.h"

/* Below this many multiplications a product is not worth sharing between threads: the
 * batch is shared instead. */
#define SMALL_PRODUCT (1 << 21)

void hf_cpu_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                  const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                  int64_t ldc)
{
    dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb,
               beta, c, ldc);
}

int hf_cpu_matmul(hf_backend *be, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
                  const hf_matmul_params *p, hf_error *err)
{
    hf_matmul_sizes s = hf_check_matmul(out, a, b, p);
    if (out->dtype != HF_F32 || a->dtype != HF_F32 || b->dtype != HF_F32)
        return hf_ref_matmul(be, out, a, b, p, err);
    hf_cpu_use_threads(be);
    float alpha = p->alpha == 0 ? 1 : p->alpha;
    int64_t lda = p->transpose_a ? s.m : s.k, ldb = p->transpose_b ? s.k : s.n;
    bool share_batch = s.batch >= be->n_threads && s.m * s.n * s.k < SMALL_PRODUCT;
#pragma omp parallel for num_threads(be->n_threads) if (share_batch && be->n_threads > 1)
    for (int64_t i = 0; i < s.batch; i++)
        hf_cpu_sgemm(p->transpose_a, p->transpose_b, s.m, s.n, s.k, alpha,
                     (const float *)a->data + i * s.m * s.k, lda,
                     (const float *)b->data + (s.one_b ? 0 : i * s.k * s.n), ldb, 0,
                     (float *)out->data + i * s.m * s.n, s.n);
    return HF_OK;
}
