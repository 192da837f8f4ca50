/* attention_f16.cu - the tensor-core attention kernels for f16: attention_flash.cuh, attention_wide.cuh. */
#include "cuda/attention_flash.cuh"
#include "cuda/attention_wide.cuh"

extern "C" cudaError_t hf_cuda_attention_flash_f16_launch(const hf_cuda_attention *a, size_t shared_bytes, bool few_rows,
                                                          cudaStream_t stream)
{
    return hf_flash_launch_any<__half>(a, shared_bytes, few_rows, stream);
}

extern "C" cudaError_t hf_cuda_attention_wide_f16_launch(const hf_cuda_attention *a, size_t shared_bytes,
                                                         cudaStream_t stream)
{
    return hf_wide_launch_any<__half>(a, shared_bytes, stream);
}
