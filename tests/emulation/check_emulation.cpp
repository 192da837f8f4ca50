/* check_emulation.cpp - the emulation itself: does it compute what a GPU would, and does it see the mistakes that it
 * is there to see? Mistakes end the program, so each is made in a child of its own.
 */
#include "tests/emulation/emulate.h"
#include "cuda/launch.h"

#include <sys/wait.h>
#include <unistd.h>
#include <vector>

static int n_failed;

static void expect(bool ok, const char *what)
{
    if (!ok) {
        n_failed++;
        printf("FAILED %s\n", what);
    }
}

/* Sum of each block's 256 numbers: warp shuffles, then shared memory. */
__global__ void __launch_bounds__(256) sum_kernel(float *__restrict__ out, const float *__restrict__ in, int n)
{
    __shared__ float part[8];
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    float v = i < n ? __ldg(in + i) : 0.0f;
    for (int d = 16; d > 0; d /= 2)
        v += __shfl_xor_sync(0xffffffffu, v, d);
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = v;
    __syncthreads();
    if (threadIdx.x == 0) {
        float all = 0;
        for (int w = 0; w < 8; w++)
            all += part[w];
        atomicAdd(out, all);
    }
}

__global__ void reverse_kernel(int *data, int n, bool forget)
{
    HF_DYNAMIC_SHARED(int, kept);
    kept[threadIdx.x] = data[threadIdx.x];
    if (!forget)
        __syncthreads();
    data[threadIdx.x] = kept[n - 1 - (int)threadIdx.x];
}

__global__ void lanes_kernel(int *out)
{
    int lane = (int)threadIdx.x, odd = lane & 1;
    unsigned half = lane < 16 ? 0xffffu : 0xffff0000u;
    int a = __shfl_up_sync(0xffffffffu, lane, 3);                        /* lanes 0..2 keep theirs */
    int b = __shfl_down_sync(0xffffffffu, lane, 1, 8);                   /* the last of 8 keeps its own */
    int c = (int)__ballot_sync(0xffffffffu, odd);
    int d = __reduce_add_sync(half, lane);
    int e = __shfl_sync(half, lane * 10, 3, 16);
    out[lane * 5 + 0] = a, out[lane * 5 + 1] = b, out[lane * 5 + 2] = c, out[lane * 5 + 3] = d, out[lane * 5 + 4] = e;
}

__global__ void mistake_kernel(int kind, int *global)
{
    HF_DYNAMIC_SHARED(int, shared);
    int i = (int)threadIdx.x;
    if (kind == 0 && i < 40)
        __syncthreads(); /* half of them */
    if (kind == 1 && i % 2)
        __shfl_sync(0xffffffffu, i, 0);
    if (kind == 2)
        shared[blockDim.x + (unsigned)i] = 1; /* past the end */
    if (kind == 3) {
        if (i < 32)
            __syncthreads();
        else
            __syncthreads();
    }
    if (kind == 4) {
        if (i == 5)
            return;
        __syncwarp();
    }
    if (kind == 5)
        global[64 + i] = 0;
    __syncthreads();
}

__global__ void copy_kernel(float *out, const float *in, bool wait)
{
    HF_DYNAMIC_SHARED(float, kept);
    hf_emulated_copy_async(kept + 4 * threadIdx.x, in + 4 * threadIdx.x, 16, 12);
    hf_emulated_copy_commit();
    if (wait)
        hf_emulated_copy_wait(0);
    __syncthreads();
    for (int i = 0; i < 4; i++)
        out[4 * threadIdx.x + i] = kept[4 * threadIdx.x + i];
}

static cudaStream_t stream;

template <typename T> static T *device_copy(const std::vector<T> &host)
{
    T *data = NULL;
    cudaMalloc(&data, host.size() * sizeof(T));
    cudaMemcpy(data, host.data(), host.size() * sizeof(T), cudaMemcpyHostToDevice);
    return data;
}

template <typename T> static std::vector<T> host_copy(const T *data, size_t n)
{
    std::vector<T> host(n);
    cudaStreamSynchronize(stream);
    cudaMemcpy(host.data(), data, n * sizeof(T), cudaMemcpyDeviceToHost);
    return host;
}

static void check_sum(void)
{
    std::vector<float> numbers(1000, 0.5f);
    float *in = device_copy(numbers), *out = device_copy(std::vector<float>(1, 0.0f));
    HF_LAUNCH(sum_kernel, 4, 256, 0, stream, out, in, 1000);
    expect(cudaGetLastError() == cudaSuccess && host_copy(out, 1)[0] == 500, "a sum over blocks");
    cudaFree(in);
    cudaFree(out);
}

static void check_lanes(void)
{
    int *out = device_copy(std::vector<int>(160, -1));
    HF_LAUNCH(lanes_kernel, 1, 32, 0, stream, out);
    std::vector<int> got = host_copy(out, 160);
    bool ok = true;
    for (int i = 0; i < 32; i++)
        ok = ok && got[i * 5] == (i < 3 ? i : i - 3) && got[i * 5 + 1] == (i % 8 == 7 ? i : i + 1) &&
             got[i * 5 + 2] == (int)0xaaaaaaaau && got[i * 5 + 3] == (i < 16 ? 120 : 376) &&
             got[i * 5 + 4] == (i < 16 ? 30 : 190);
    expect(ok, "shuffles, votes and reductions");
    cudaFree(out);
}

/* Without its barrier the kernel is right in no order; with it in all. */
static void check_reverse(const char *order)
{
    std::vector<int> numbers(64);
    setenv("HF_EMULATED_ORDER", order, 1);
    for (int i = 0; i < 64; i++)
        numbers[(size_t)i] = i;
    for (int forget = 0; forget < 2; forget++) {
        int *data = device_copy(numbers);
        HF_LAUNCH(reverse_kernel, 1, 64, 64 * sizeof(int), stream, data, 64, forget != 0);
        std::vector<int> got = host_copy(data, 64);
        bool ok = true;
        for (int i = 0; i < 64; i++)
            ok = ok && got[(size_t)i] == 63 - i;
        expect(ok == !forget, forget ? "a missing barrier is seen" : "a barrier holds");
        cudaFree(data);
    }
    unsetenv("HF_EMULATED_ORDER");
}

static void check_copies(void)
{
    std::vector<float> numbers(128, 2.0f);
    float *in = device_copy(numbers), *out = device_copy(numbers);
    HF_LAUNCH(copy_kernel, 1, 32, 512, stream, out, in, true);
    std::vector<float> got = host_copy(out, 128);
    expect(got[0] == 2 && got[2] == 2 && got[3] == 0 && got[127] == 0, "an asynchronous copy fills the rest with zeros");
    HF_LAUNCH(copy_kernel, 1, 32, 512, stream, out, in, false);
    expect(std::isnan(host_copy(out, 128)[0]), "a copy that was not waited for is NaN");
    cudaFree(in);
    cudaFree(out);
}

static void check_graph(void)
{
    float *in = device_copy(std::vector<float>(256, 1.0f)), *out = device_copy(std::vector<float>(1, 0.0f));
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    void *refused = NULL;
    cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    HF_LAUNCH(sum_kernel, 1, 256, 0, stream, out, in, 256);
    expect(cudaStreamEndCapture(stream, &graph) == cudaSuccess, "a capture ends");
    cudaGraphInstantiate(&exec, graph, 0);
    expect(host_copy(out, 1)[0] == 0, "captured work has not run");
    cudaGraphLaunch(exec, stream);
    cudaGraphLaunch(exec, stream);
    expect(host_copy(out, 1)[0] == 512, "a graph runs as often as it is launched");
    cudaGraphExecDestroy(exec);
    cudaGraphDestroy(graph);
    cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    expect(cudaMalloc(&refused, 16) == cudaErrorStreamCaptureUnsupported, "no cudaMalloc in a capture");
    expect(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated, "and the capture is lost");
    cudaGetLastError();
    cudaFree(in);
    cudaFree(out);
}

/* A stream that waits gets what was in the other one when the event was recorded, not before it and no more. */
static void check_events(void)
{
    bool strict = getenv("HF_EMULATED_STRICT") && atoi(getenv("HF_EMULATED_STRICT")) > 0;
    float *in = device_copy(std::vector<float>(256, 1.0f)), *out = device_copy(std::vector<float>(2, 0.0f)), got[2];
    cudaStream_t other = NULL;
    cudaEvent_t event = NULL;
    cudaStreamCreate(&other);
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    cudaStreamWaitEvent(stream, event, 0); /* never recorded: nothing to wait for */
    HF_LAUNCH(sum_kernel, 1, 256, 0, other, out, in, 256);
    cudaEventRecord(event, other);
    HF_LAUNCH(sum_kernel, 1, 256, 0, other, out, in, 256);
    cudaMemcpyAsync(&got[0], out, sizeof(float), cudaMemcpyDeviceToHost, stream);
    cudaStreamWaitEvent(stream, event, 0);
    cudaMemcpyAsync(&got[1], out, sizeof(float), cudaMemcpyDeviceToHost, stream);
    cudaStreamSynchronize(stream);
    expect(got[0] == (strict ? 0 : 512), "a stream that does not wait for another one");
    expect(got[1] == (strict ? 256 : 512), "a stream that waits for an event");
    cudaEventDestroy(event);
    cudaStreamDestroy(other);
    cudaFree(in);
    cudaFree(out);
}

/* The current device is one of each thread, and a stream belongs to one. */
static void check_devices(void)
{
    cudaStream_t second = NULL;
    setenv("HF_EMULATED_DEVICES", "2", 1);
    cudaSetDevice(1);
    cudaStreamCreate(&second);
    int *data = device_copy(std::vector<int>(64, 1));
    HF_LAUNCH(reverse_kernel, 1, 64, 256, second, data, 64, false);
    expect(cudaGetLastError() == cudaSuccess, "a kernel on the second device");
    HF_LAUNCH(reverse_kernel, 1, 64, 256, stream, data, 64, false);
    expect(cudaGetLastError() == cudaErrorInvalidResourceHandle, "a kernel in a stream of another device");
    cudaFree(data);
    cudaStreamDestroy(second);
    expect(cudaSetDevice(2) == cudaErrorInvalidDevice, "a third device");
    cudaGetLastError();
    cudaSetDevice(0);
    unsetenv("HF_EMULATED_DEVICES");
}

static void check_launches(void)
{
    int *data = device_copy(std::vector<int>(64, 1));
    HF_LAUNCH(reverse_kernel, 0, 64, 256, stream, data, 64, false);
    expect(cudaGetLastError() == cudaErrorInvalidConfiguration, "an empty grid");
    HF_LAUNCH(reverse_kernel, 1, 1025, 256, stream, data, 64, false);
    expect(cudaGetLastError() == cudaErrorInvalidConfiguration, "a block of 1025 threads");
    HF_LAUNCH(reverse_kernel, 1, 64, 49 * 1024, stream, data, 64, false);
    expect(cudaGetLastError() == cudaErrorInvalidValue, "49 KiB of shared memory, not asked for");
    expect(cudaFuncSetAttribute(reverse_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 49 * 1024) == cudaSuccess,
           "asking for 49 KiB");
    HF_LAUNCH(reverse_kernel, 1, 64, 49 * 1024, stream, data, 64, false);
    expect(cudaGetLastError() == cudaSuccess, "49 KiB of shared memory");
    cudaStreamSynchronize(stream);
    cudaFree(data);
}

static bool mistake_is_seen(int kind)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int *data = device_copy(std::vector<int>(64, 1));
        if (!freopen("/dev/null", "w", stderr))
            _exit(0);
        HF_LAUNCH(mistake_kernel, 1, 64, 64 * sizeof(int), stream, kind, data);
        cudaStreamSynchronize(stream);
        cudaFree(data);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
}

int main(void)
{
    static const char *const mistakes[] = {
        "a barrier that not all reach", "a shuffle that not all lanes reach", "a write past shared memory",
        "two barriers at once", "a lane that has ended", "a write past a device block",
    };
    cudaStreamCreate(&stream);
    check_sum();
    check_lanes();
    check_reverse("forward");
    check_reverse("backward");
    check_reverse("7");
    check_copies();
    check_graph();
    check_events();
    check_devices();
    check_launches();
    for (int kind = 0; kind < 6; kind++)
        expect(mistake_is_seen(kind), mistakes[kind]);
    expect(!mistake_is_seen(6), "no mistake");
    cudaStreamDestroy(stream);
    printf("%d failed\n", n_failed);
    return n_failed > 0;
}
