/* cudart.cpp - the CUDA runtime's calls on host memory (include/cuda_runtime_api.h).
 *
 * A stream is a list of things to do. They are done at once, or, with HF_EMULATED_STRICT=1, when somebody waits: then
 * device memory is closed to the host in between, so that host code that reads a device pointer, or reads a result
 * before it waited, ends with a fault instead of passing here and failing on a GPU.
 * Capture keeps the list; launching the graph does it again.
 */
#include "tests/emulation/copies.h"
#include "tests/emulation/runtime.h"

#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include <sys/mman.h>

typedef std::function<void()> work;

struct CUgraph_st {
    std::vector<work> nodes;
};
struct CUgraphExec_st {
    std::vector<work> nodes;
};
struct CUstream_st {
    std::deque<work> queue;
    uint64_t         n_queued, n_done; /* things ever */
    int              device;
    CUgraph_st      *capture;     /* NULL: not capturing */
    bool             invalidated; /* a call that a capture does not allow was made */
};
struct CUevent_st {
    CUstream_st                          *stream; /* NULL: never recorded */
    uint64_t                              after;  /* so many things of the stream */
    std::chrono::steady_clock::time_point time;
};

static std::recursive_mutex lock;
typedef std::lock_guard<std::recursive_mutex> locked;

static thread_local cudaError_t last_error;
static thread_local int current_device;
/* Never destroyed: a module is not closed, and its program may still free memory while it ends. */
static std::vector<CUstream_st *> &streams = *new std::vector<CUstream_st *>;
static CUstream_st default_stream;
static std::map<const void *, int> &shared_limits = *new std::map<const void *, int>; /* of kernels that asked for more */

static cudaError_t refuse(cudaError_t error)
{
    last_error = error;
    return error;
}

static bool is_strict(void)
{
    static const bool strict = getenv("HF_EMULATED_STRICT") && atoi(getenv("HF_EMULATED_STRICT")) > 0;
    return strict;
}

static long read_number(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text && *text ? atol(text) : otherwise;
}

/* Device memory
 *
 * Each block comes from malloc, where the address sanitizer watches its ends; without it, bytes behind the block are
 * checked when it is freed. In strict mode blocks come from one reserved range, which is closed to the host. */

enum { GUARD_BYTES = 256, ALIGN = 256 };
static const size_t RANGE_BYTES = (size_t)1 << 36;

typedef struct block {
    size_t bytes;
    int    device; /* -1: host */
} block;
static std::map<char *, block> &blocks = *new std::map<char *, block>;
static std::multimap<size_t, char *> &free_blocks = *new std::multimap<size_t, char *>; /* of the range, by size */
enum { MOST_DEVICES = 16 };
static size_t bytes_in_use[MOST_DEVICES], range_used;
static char *range;
static int n_open; /* work that runs now may touch device memory */

static size_t total_bytes(void)
{
    return (size_t)read_number("HF_EMULATED_MEMORY", 8192) << 20;
}

static void range_open(void)
{
    if (range && n_open++ == 0)
        mprotect(range, range_used, PROT_READ | PROT_WRITE);
}

static void range_close(void)
{
    if (range && --n_open == 0)
        mprotect(range, range_used, PROT_NONE);
}

/* Powers of two find each other again, so that the range, which is opened and closed as a whole, stays short. */
static size_t room_of(size_t bytes)
{
    size_t room = 4096;
    while (room < bytes)
        room *= 2;
    return room;
}

static char *take_from_range(size_t bytes)
{
    bytes = room_of(bytes);
    if (!range) {
        range = (char *)mmap(NULL, RANGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (range == MAP_FAILED)
            abort();
    }
    auto found = free_blocks.find(bytes);
    char *data = range + range_used;
    if (found != free_blocks.end()) {
        data = found->second;
        free_blocks.erase(found);
    } else {
        range_used += bytes;
        mprotect(data, bytes, n_open ? PROT_READ | PROT_WRITE : PROT_NONE);
    }
    return data;
}

static size_t with_guard(size_t bytes)
{
#if defined(__SANITIZE_ADDRESS__)
    if (!is_strict())
        return bytes ? bytes : 1;
#endif
    return (bytes + ALIGN - 1) / ALIGN * ALIGN + GUARD_BYTES;
}

static cudaError_t block_new(void **data, size_t bytes, bool host)
{
    size_t all = with_guard(bytes);
    char *p = NULL;

    *data = NULL;
    if (!host && (bytes > total_bytes() || bytes_in_use[current_device] + bytes > total_bytes()))
        return refuse(cudaErrorMemoryAllocation);
    if (is_strict() && !host)
        p = take_from_range(all);
    else if (posix_memalign((void **)&p, ALIGN, all) != 0)
        return refuse(cudaErrorMemoryAllocation);
    if (!host) {
        bytes_in_use[current_device] += bytes;
        range_open();
        memset(p, 0xff, all); /* NaN: nobody may count on zeros */
        range_close();
    }
    blocks[p] = { bytes, host ? -1 : current_device };
    *data = p;
    return cudaSuccess;
}

static cudaError_t block_free(void *data)
{
    auto found = blocks.find((char *)data);
    if (!data)
        return cudaSuccess;
    if (found == blocks.end())
        return refuse(cudaErrorInvalidValue);
    block b = found->second;
    size_t all = with_guard(b.bytes);
    blocks.erase(found);
    if (b.device < 0) {
        free(data);
        return cudaSuccess;
    }
    bytes_in_use[b.device] -= b.bytes;
    range_open();
    for (size_t i = b.bytes; i < all; i++)
        if ((((unsigned char *)data)[i]) != 0xff && b.bytes) {
            fprintf(stderr, "emulation: something wrote %zu bytes past a device block of %zu bytes\n", i - b.bytes,
                    b.bytes);
            abort();
        }
    range_close();
    if (is_strict())
        free_blocks.insert({ room_of(all), (char *)data });
    else
        free(data);
    return cudaSuccess;
}

/* Streams */

static CUstream_st *stream_of(cudaStream_t stream)
{
    return stream && stream != cudaStreamLegacy ? stream : &default_stream;
}

static void run(const work &w)
{
    range_open();
    w();
    range_close();
}

/* The first things of a stream, up to a number of all that it was ever given. Some wait for other streams. */
static void flush_up_to(CUstream_st *s, uint64_t after)
{
    range_open();
    while (s->n_done < after && !s->queue.empty()) {
        work w = std::move(s->queue.front());
        s->queue.pop_front();
        s->n_done++;
        w();
    }
    range_close();
}

static void flush(CUstream_st *s)
{
    if (!s->queue.empty())
        flush_up_to(s, s->n_queued);
}

static void flush_all(void)
{
    flush(&default_stream);
    for (CUstream_st *s : streams)
        flush(s);
}

static cudaError_t submit(cudaStream_t stream, work w)
{
    CUstream_st *s = stream_of(stream);
    if (s->capture)
        s->capture->nodes.push_back(std::move(w));
    else if (is_strict())
        s->queue.push_back(std::move(w)), s->n_queued++;
    else
        run(w);
    return cudaSuccess;
}

/* What a GPU refuses while any stream is being captured: calls that wait, allocate or free. */
static cudaError_t forbidden_in_capture(void)
{
    cudaError_t error = cudaSuccess;
    for (CUstream_st *s : streams)
        if (s->capture) {
            s->invalidated = true;
            error = refuse(cudaErrorStreamCaptureUnsupported);
        }
    return error;
}

void hf_emulated_submit(const char *name, const void *kernel, dim3 grid, dim3 block, size_t shared_bytes,
                        cudaStream_t stream, std::function<void()> thread)
{
    locked l(lock);
    auto asked = shared_limits.find(kernel);
    size_t n_threads = (size_t)block.x * block.y * block.z;
    size_t limit = asked == shared_limits.end() ? (size_t)HF_EMULATED_SHARED_UNASKED : (size_t)asked->second;

    if (!grid.x || !grid.y || !grid.z || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535 || !n_threads ||
        n_threads > 1024 || block.z > 64) {
        refuse(cudaErrorInvalidConfiguration);
        return;
    }
    if (shared_bytes > limit) {
        refuse(cudaErrorInvalidValue);
        return;
    }
    if (!stream)
        fprintf(stderr, "emulation: kernel %s is started in the default stream\n", name);
    if (stream && stream->device != current_device) { /* so a GPU refuses it, too */
        refuse(cudaErrorInvalidResourceHandle);
        return;
    }
    hf_emulated_grid g = { name, grid, block, shared_bytes, std::move(thread) };
    submit(stream, [g] { hf_emulated_run(g); });
}

extern "C" {

cudaError_t hf_emulated_enqueue(cudaStream_t stream, const char *, void (*call)(const void *state), const void *state,
                                size_t state_bytes)
{
    locked l(lock);
    const char *bytes = (const char *)state;
    std::vector<char> kept(bytes, bytes + state_bytes);
    return submit(stream, [call, kept] { call(kept.data()); });
}

cudaError_t cudaGetLastError(void)
{
    cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}

cudaError_t cudaPeekAtLastError(void)
{
    return last_error;
}

const char *cudaGetErrorName(cudaError_t error)
{
    switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorStreamCaptureUnsupported: return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated: return "cudaErrorStreamCaptureInvalidated";
    default: return "cudaError";
    }
}

const char *cudaGetErrorString(cudaError_t error)
{
    return cudaGetErrorName(error);
}

/* Devices */

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = (int)read_number("HF_EMULATED_DEVICES", 1);
    return *count ? cudaSuccess : refuse(cudaErrorNoDevice);
}

cudaError_t cudaGetDevice(int *device)
{
    *device = current_device;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device)
{
    if (device < 0 || device >= MOST_DEVICES || device >= read_number("HF_EMULATED_DEVICES", 1))
        return refuse(cudaErrorInvalidDevice);
    current_device = device;
    return cudaSuccess;
}

/* Of the current device; another way of waiting than these two is not emulated. */
static std::atomic<unsigned> device_flags[MOST_DEVICES];

cudaError_t cudaGetDeviceFlags(unsigned *flags)
{
    *flags = device_flags[current_device];
    return cudaSuccess;
}

cudaError_t cudaSetDeviceFlags(unsigned flags)
{
    if (flags != cudaDeviceScheduleAuto && flags != cudaDeviceScheduleBlockingSync)
        return refuse(cudaErrorInvalidValue);
    device_flags[current_device] = flags;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int)
{
    int arch = (int)read_number("HF_EMULATED_ARCH", 90);
    switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock: *value = 1024; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = HF_EMULATED_SHARED_UNASKED; break;
    case cudaDevAttrWarpSize: *value = 32; break;
    case cudaDevAttrClockRate: *value = 1000000; break;
    case cudaDevAttrMultiProcessorCount: *value = 4; break; /* few: grids that fill a device stay small */
    case cudaDevAttrL2CacheSize: *value = 4 << 20; break;
    case cudaDevAttrMaxThreadsPerMultiProcessor: *value = 2048; break;
    case cudaDevAttrComputeCapabilityMajor: *value = arch / 10; break;
    case cudaDevAttrComputeCapabilityMinor: *value = arch % 10; break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = arch >= 90 ? (int)HF_EMULATED_SHARED_MOST : arch == 80 ? 163 * 1024 : arch > 80 ? 99 * 1024 : 64 * 1024;
        break;
    default: return refuse(cudaErrorInvalidValue);
    }
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int device)
{
    int value = 0;
    memset(p, 0, sizeof(*p));
    snprintf(p->name, sizeof(p->name), "emulated GPU");
    p->totalGlobalMem = total_bytes();
    p->sharedMemPerBlock = HF_EMULATED_SHARED_UNASKED;
    cudaDeviceGetAttribute(&value, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
    p->sharedMemPerBlockOptin = p->sharedMemPerMultiprocessor = (size_t)value;
    p->warpSize = 32;
    p->maxThreadsPerBlock = 1024;
    p->maxThreadsPerMultiProcessor = 2048;
    cudaDeviceGetAttribute(&p->multiProcessorCount, cudaDevAttrMultiProcessorCount, device);
    cudaDeviceGetAttribute(&p->major, cudaDevAttrComputeCapabilityMajor, device);
    cudaDeviceGetAttribute(&p->minor, cudaDevAttrComputeCapabilityMinor, device);
    cudaDeviceGetAttribute(&p->l2CacheSize, cudaDevAttrL2CacheSize, device);
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
    locked l(lock);
    *total = total_bytes();
    *free_bytes = *total - bytes_in_use[current_device];
    return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize(void)
{
    locked l(lock);
    if (forbidden_in_capture() != cudaSuccess)
        return last_error;
    flush_all();
    return cudaSuccess;
}

/* Memory */

cudaError_t cudaMalloc(void **data, size_t bytes)
{
    locked l(lock);
    *data = NULL;
    if (forbidden_in_capture() != cudaSuccess)
        return last_error;
    return block_new(data, bytes, false);
}

cudaError_t cudaFree(void *data)
{
    locked l(lock);
    if (forbidden_in_capture() != cudaSuccess)
        return last_error;
    flush_all();
    return block_free(data);
}

cudaError_t cudaMallocAsync(void **data, size_t bytes, cudaStream_t)
{
    return cudaMalloc(data, bytes);
}

cudaError_t cudaFreeAsync(void *data, cudaStream_t)
{
    return cudaFree(data);
}

cudaError_t cudaMallocHost(void **data, size_t bytes)
{
    locked l(lock);
    return block_new(data, bytes, true);
}

cudaError_t cudaHostAlloc(void **data, size_t bytes, unsigned)
{
    return cudaMallocHost(data, bytes);
}

cudaError_t cudaFreeHost(void *data)
{
    locked l(lock);
    flush_all();
    return block_free(data);
}

static hf_emulated_copies copies;

static void count_copy(enum cudaMemcpyKind kind, size_t bytes)
{
    if (kind == cudaMemcpyHostToDevice)
        copies.n_up++, copies.up_bytes += (int64_t)bytes;
    else if (kind == cudaMemcpyDeviceToHost)
        copies.n_down++, copies.down_bytes += (int64_t)bytes;
}

void hf_emulated_count_copies(hf_emulated_copies *out)
{
    locked l(lock);
    *out = copies;
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width,
                              size_t height, enum cudaMemcpyKind kind, cudaStream_t stream)
{
    locked l(lock);
    if (width > to_pitch || width > from_pitch)
        return refuse(cudaErrorInvalidValue);
    count_copy(kind, width * height);
    return submit(stream, [=] {
        for (size_t y = 0; y < height; y++)
            memmove((char *)to + y * to_pitch, (const char *)from + y * from_pitch, width);
    });
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream)
{
    return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}

cudaError_t cudaMemcpy2D(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
                         enum cudaMemcpyKind kind)
{
    locked l(lock);
    if (forbidden_in_capture() != cudaSuccess)
        return last_error;
    cudaError_t error = cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, height, kind, NULL);
    flush(&default_stream);
    return error;
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    return cudaMemcpy2D(to, bytes, from, bytes, bytes, 1, kind);
}

cudaError_t cudaMemset2DAsync(void *data, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream)
{
    locked l(lock);
    return submit(stream, [=] {
        for (size_t y = 0; y < height; y++)
            memset((char *)data + y * pitch, value, width);
    });
}

cudaError_t cudaMemsetAsync(void *data, int value, size_t bytes, cudaStream_t stream)
{
    return cudaMemset2DAsync(data, bytes, value, bytes, 1, stream);
}

cudaError_t cudaMemset(void *data, int value, size_t bytes)
{
    locked l(lock);
    if (forbidden_in_capture() != cudaSuccess)
        return last_error;
    cudaError_t error = cudaMemsetAsync(data, value, bytes, NULL);
    flush(&default_stream);
    return error;
}

/* Streams and events */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
    locked l(lock);
    *stream = new CUstream_st();
    (*stream)->device = current_device;
    streams.push_back(*stream);
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int)
{
    return cudaStreamCreateWithFlags(stream, flags);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    locked l(lock);
    for (size_t i = 0; i < streams.size(); i++)
        if (streams[i] == stream) {
            flush(stream);
            delete stream->capture;
            delete stream;
            streams.erase(streams.begin() + (ptrdiff_t)i);
            return cudaSuccess;
        }
    return refuse(cudaErrorInvalidResourceHandle);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    locked l(lock);
    if (forbidden_in_capture() != cudaSuccess)
        return last_error;
    flush(stream_of(stream));
    return cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    locked l(lock);
    return stream_of(stream)->queue.empty() ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned)
{
    locked l(lock);
    CUstream_st *other = event->stream;
    uint64_t after = event->after; /* of now: it may be recorded again */
    if (stream_of(stream)->capture || (other && other->capture))
        return refuse(cudaErrorStreamCaptureUnsupported); /* a GPU would join the two captures: nothing here wants that */
    return other && other != stream_of(stream) ? submit(stream, [other, after] { flush_up_to(other, after); })
                                               : cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned)
{
    *event = new CUevent_st();
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    locked l(lock);
    flush_all();
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    locked l(lock);
    event->stream = stream_of(stream);
    event->after = event->stream->n_queued + 1;
    return submit(stream, [event] { event->time = std::chrono::steady_clock::now(); });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    locked l(lock);
    if (event->stream)
        flush_up_to(event->stream, event->after);
    return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    locked l(lock);
    return !event->stream || event->stream->queue.empty() || event->stream->n_done >= event->after ? cudaSuccess
                                                                                                    : cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t begin, cudaEvent_t end)
{
    *milliseconds = std::chrono::duration<float, std::milli>(end->time - begin->time).count();
    return cudaSuccess;
}

/* Graphs */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode)
{
    locked l(lock);
    if (!stream || stream == cudaStreamLegacy || stream->capture)
        return refuse(cudaErrorStreamCaptureUnsupported);
    flush(stream);
    stream->capture = new CUgraph_st();
    stream->invalidated = false;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    locked l(lock);
    *graph = NULL;
    if (!stream || !stream->capture)
        return refuse(cudaErrorInvalidValue);
    CUgraph_st *made = stream->capture;
    stream->capture = NULL;
    if (stream->invalidated) {
        delete made;
        return refuse(cudaErrorStreamCaptureInvalidated);
    }
    *graph = made;
    return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status)
{
    locked l(lock);
    const CUstream_st *s = stream_of(stream);
    *status = !s->capture     ? cudaStreamCaptureStatusNone
            : s->invalidated  ? cudaStreamCaptureStatusInvalidated
                              : cudaStreamCaptureStatusActive;
    return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *)
{
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
    *exec = new CUgraphExec_st{ graph->nodes };
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    locked l(lock);
    std::vector<work> nodes = exec->nodes;
    return submit(stream, [nodes] {
        for (const work &w : nodes)
            w();
    });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    delete exec;
    return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *, size_t *n_nodes)
{
    *n_nodes = graph->nodes.size();
    return cudaSuccess;
}

/* Kernels */

cudaError_t cudaFuncSetAttribute(const void *kernel, enum cudaFuncAttribute attribute, int value)
{
    locked l(lock);
    int most = 0;
    cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0);
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
        return cudaSuccess;
    if (value > most)
        return refuse(cudaErrorInvalidValue);
    shared_limits[kernel] = value > HF_EMULATED_SHARED_UNASKED ? value : (int)HF_EMULATED_SHARED_UNASKED;
    return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *n_blocks, const void *, int block_size,
                                                          size_t dynamic_shared_bytes)
{
    int by_threads = 2048 / (block_size > 0 ? block_size : 1);
    int by_shared = dynamic_shared_bytes ? (int)(HF_EMULATED_SHARED_MOST / dynamic_shared_bytes) : by_threads;
    *n_blocks = by_threads < by_shared ? by_threads : by_shared;
    return cudaSuccess;
}

} /* extern "C" */
