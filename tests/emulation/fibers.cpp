/* fibers.cpp - runs the threads of a block as fibers, one block after another.
 *
 * A thread runs until it waits (for the block at a barrier, for its warp at an exchange) or ends. Warps go one after
 * another, each as far as it can before the next one starts: the largest lead over its neighbours that a GPU could
 * give it. A stack is taken when a thread starts and given back when it ends, so that a kernel without barriers uses
 * one stack for all of its threads.
 *
 * When nothing can run and not every thread waits at the same barrier, the block would hang on a GPU, or its
 * behaviour would be undefined: the program ends with a line for what each waiting warp waits for.
 */
#include "tests/emulation/runtime.h"

#include <vector>

#include <cstdarg>
#include <sys/mman.h>
#include <unistd.h>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define ASAN_START_SWITCH(saved, bottom, size) __sanitizer_start_switch_fiber((saved), (bottom), (size))
#define ASAN_FINISH_SWITCH(saved, bottom, size) __sanitizer_finish_switch_fiber((saved), (bottom), (size))
#else
#define ASAN_START_SWITCH(saved, bottom, size) ((void)0)
#define ASAN_FINISH_SWITCH(saved, bottom, size) ((void)0)
#endif

enum { WARP = 32, STACK_BYTES = 256 * 1024, SHARED_ALIGN = 128 };
/* Behind dynamic shared memory: sees writes past its end where there is no address sanitizer to see them. */
#if defined(__SANITIZE_ADDRESS__)
enum { CANARY_BYTES = 0 };
#else
enum { CANARY_BYTES = 64 };
#endif

enum thread_state { READY, AT_WARP, AT_BLOCK, DONE };

typedef struct pending_copy {
    void       *to;
    const void *from;
    size_t      bytes, filled;
} pending_copy;

typedef struct stack {
    unsigned char *bottom;
    void          *asan; /* fake stack of a fiber that is not running */
#if defined(__x86_64__)
    void *pointer;
#else
    ucontext_t context;
#endif
} stack;

typedef struct thread {
    thread_state state;
    uint3        index;
    int          line;          /* of the wait */
    unsigned     mask;          /* of the exchange */
    const void  *in;
    size_t       bytes;
    unsigned     n_exchanges;   /* of the whole warp: parity chooses the buffer */
    stack       *on;            /* NULL: not started */
    unsigned char *own;         /* results of exchanges with a part of the warp, [32][HF_EMULATED_EXCHANGE] */
    std::vector<std::vector<pending_copy>> *copies; /* cp.async: closed groups, and the open one at the end */
} thread;

typedef struct warp {
    unsigned      exists, ended, arrived;
    int           line; /* of the lanes that have arrived */
    size_t        bytes;
    unsigned char buffer[2][WARP * HF_EMULATED_EXCHANGE];
} warp;

hf_emulated_place hf_emulated_here;

static const hf_emulated_grid *running;
/* Never destroyed: what they point to stays in use until the process ends. */
static std::vector<thread> &threads = *new std::vector<thread>;
static std::vector<warp> &warps = *new std::vector<warp>;
static std::vector<stack *> &idle_stacks = *new std::vector<stack *>;
static unsigned self; /* index of the running thread */
static int barrier_result;
static uint64_t shuffle_state;
static stack scheduler;
#if defined(__SANITIZE_ADDRESS__)
static const void *scheduler_bottom;
static size_t scheduler_size;
#endif

__attribute__((noreturn, format(printf, 1, 2))) static void report(const char *format, ...)
{
    uint3 b = hf_emulated_here.block, t = hf_emulated_here.thread;
    va_list list;
    fprintf(stderr, "emulation: kernel %s, block (%u,%u,%u), thread (%u,%u,%u): ", running->name, b.x, b.y, b.z, t.x, t.y,
            t.z);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, "\n");
    abort();
}

/* Fibers */

#if defined(__x86_64__)
/* Keeps what the System V ABI asks a callee to keep. */
extern "C" void hf_emulated_switch(void **from, void *to) __attribute__((visibility("hidden")));
asm(".text\n"
    ".hidden hf_emulated_switch\n"
    ".globl hf_emulated_switch\n"
    ".type hf_emulated_switch,@function\n"
    "hf_emulated_switch:\n"
    "    pushq %rbp\n    pushq %rbx\n    pushq %r12\n    pushq %r13\n    pushq %r14\n    pushq %r15\n"
    "    movq %rsp, (%rdi)\n"
    "    movq %rsi, %rsp\n"
    "    popq %r15\n    popq %r14\n    popq %r13\n    popq %r12\n    popq %rbx\n    popq %rbp\n"
    "    ret\n"
    ".size hf_emulated_switch,.-hf_emulated_switch\n");

static void switch_stack(stack *from, stack *to)
{
    hf_emulated_switch(&from->pointer, to->pointer);
}

static void prepare_stack(stack *s, void (*entry)(void))
{
    void **top = (void **)(s->bottom + STACK_BYTES);
    *--top = NULL;                      /* a return address for entry, which never returns; keeps the alignment */
    *--top = reinterpret_cast<void *>(entry);
    for (int i = 0; i < 6; i++)
        *--top = NULL;
    s->pointer = top;
}
#else
static void switch_stack(stack *from, stack *to)
{
    swapcontext(&from->context, &to->context);
}

static void prepare_stack(stack *s, void (*entry)(void))
{
    getcontext(&s->context);
    s->context.uc_stack.ss_sp = s->bottom;
    s->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&s->context, entry, 0);
}
#endif

static void to_scheduler(void)
{
    stack *here = threads[self].on;
    ASAN_START_SWITCH(&here->asan, scheduler_bottom, scheduler_size);
    switch_stack(here, &scheduler);
    ASAN_FINISH_SWITCH(here->asan, &scheduler_bottom, &scheduler_size);
}

static void fiber_main(void)
{
    ASAN_FINISH_SWITCH(NULL, &scheduler_bottom, &scheduler_size);
    for (;;) {
        running->thread();
        threads[self].state = DONE;
        to_scheduler();
    }
}

static stack *stack_take(void)
{
    if (!idle_stacks.empty()) {
        stack *s = idle_stacks.back();
        idle_stacks.pop_back();
        return s;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    stack *s = new stack();
    void *map = mmap(NULL, STACK_BYTES + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        perror("emulation: a stack");
        abort();
    }
    mprotect(map, page, PROT_NONE);
    s->bottom = (unsigned char *)map + page;
    prepare_stack(s, fiber_main);
    return s;
}

static void resume(unsigned i)
{
    thread *t = &threads[i];
    if (!t->on)
        t->on = stack_take();
    self = i;
    hf_emulated_here.thread = t->index;
    hf_emulated_here.lane = i % WARP;
    ASAN_START_SWITCH(&scheduler.asan, t->on->bottom, STACK_BYTES);
    switch_stack(&scheduler, t->on);
    ASAN_FINISH_SWITCH(scheduler.asan, NULL, NULL);
    if (t->state == DONE) {
        warps[i / WARP].ended |= 1u << i % WARP;
        idle_stacks.push_back(t->on);
        t->on = NULL;
    }
}

/* Waiting */

int hf_emulated_barrier(int kind, int predicate, int line)
{
    thread *t = &threads[self];
    t->state = AT_BLOCK;
    t->line = line;
    t->mask = (unsigned)predicate;
    t->bytes = (size_t)kind;
    to_scheduler();
    return barrier_result;
}

unsigned hf_emulated_active_mask(void)
{
    const warp *w = &warps[self / WARP];
    return w->exists & ~w->ended;
}

/* Buffers alternate: a lane that leaves cannot come back to the same one before every lane has read it, because the
 * exchange in between has to wait for all of them. */
static const void *exchange_all(thread *t, warp *w, const void *in, size_t bytes, int line)
{
    unsigned lane = self % WARP;
    unsigned char *buffer = w->buffer[t->n_exchanges++ & 1];

    if (w->arrived && (w->line != line || w->bytes != bytes))
        report("is at the warp instruction of line %d, other lanes of its warp are at that of line %d", line, w->line);
    w->line = line;
    w->bytes = bytes;
    if (bytes)
        memcpy(buffer + lane * bytes, in, bytes);
    w->arrived |= 1u << lane;
    if (w->arrived != 0xffffffffu) {
        t->state = AT_WARP;
        to_scheduler();
        return buffer;
    }
    w->arrived = 0;
    for (unsigned i = self - lane; i < self - lane + WARP; i++)
        if (threads[i].state == AT_WARP)
            threads[i].state = READY;
    return buffer;
}

static bool part_has_arrived(const thread *first, unsigned mask)
{
    for (unsigned i = 0; i < WARP; i++)
        if (mask >> i & 1 && (first[i].state != AT_WARP || first[i].mask != mask))
            return false;
    return true;
}

static const void *exchange_part(thread *t, unsigned mask, const void *in, size_t bytes, int line)
{
    thread *first = &threads[self - self % WARP];

    if (!t->own)
        t->own = (unsigned char *)malloc(WARP * HF_EMULATED_EXCHANGE);
    t->in = in;
    t->bytes = bytes;
    t->line = line;
    t->state = AT_WARP;
    if (!part_has_arrived(first, mask)) {
        to_scheduler();
        return t->own;
    }
    for (unsigned to = 0; to < WARP; to++) {
        if (!(mask >> to & 1))
            continue;
        if (first[to].line != line || first[to].bytes != bytes)
            report("is at the warp instruction of line %d, lane %u of its mask is at that of line %d", line, to,
                   first[to].line);
        for (unsigned from = 0; from < WARP && bytes; from++)
            if (mask >> from & 1)
                memcpy(first[to].own + from * bytes, first[from].in, bytes);
        first[to].state = READY;
    }
    return t->own;
}

const void *hf_emulated_exchange(unsigned mask, const void *in, size_t bytes, int line)
{
    thread *t = &threads[self];
    warp *w = &warps[self / WARP];

    if (bytes > HF_EMULATED_EXCHANGE)
        report("line %d exchanges %zu bytes, at most %d are possible", line, bytes, HF_EMULATED_EXCHANGE);
    if (!(mask >> self % WARP & 1))
        report("line %d: the lane is not in its own mask %08x", line, mask);
    if (mask & ~(w->exists & ~w->ended))
        report("line %d: mask %08x has lanes that have ended or do not exist; there are %08x", line, mask,
               w->exists & ~w->ended);
    t->mask = mask;
    t->line = line;
    return mask == 0xffffffffu ? exchange_all(t, w, in, bytes, line) : exchange_part(t, mask, in, bytes, line);
}

/* cp.async */

static std::vector<std::vector<pending_copy>> *copies_of(thread *t)
{
    if (!t->copies)
        t->copies = new std::vector<std::vector<pending_copy>>(1);
    return t->copies;
}

void hf_emulated_copy_async(void *shared, const void *global, size_t bytes, size_t filled)
{
    if ((bytes != 4 && bytes != 8 && bytes != 16) || filled > bytes || (uintptr_t)shared % bytes ||
        (filled && (uintptr_t)global % bytes))
        report("cp.async of %zu bytes, %zu of them read, from %p to %p", bytes, filled, global, shared);
    memset(shared, 0xff, bytes);
    copies_of(&threads[self])->back().push_back({ shared, global, bytes, filled });
}

void hf_emulated_copy_commit(void)
{
    copies_of(&threads[self])->emplace_back();
}

void hf_emulated_copy_wait(int n_left)
{
    auto *groups = copies_of(&threads[self]);
    /* The last one is open: not committed, so never waited for. */
    while (groups->size() > (size_t)n_left + 1) {
        for (const pending_copy &c : groups->front()) {
            memset(c.to, 0, c.bytes);
            if (c.filled)
                memcpy(c.to, c.from, c.filled);
        }
        groups->erase(groups->begin());
    }
}

/* Scheduler */

static void explain_hang(void)
{
    unsigned n = (unsigned)threads.size(), shown = 0;
    fprintf(stderr, "emulation: kernel %s, block (%u,%u,%u) hangs\n", running->name, hf_emulated_here.block.x,
            hf_emulated_here.block.y, hf_emulated_here.block.z);
    for (unsigned i = 0; i < n && shown < 40; i++) {
        const thread *t = &threads[i], *before = i % WARP ? t - 1 : NULL;
        if (before && before->state == t->state && before->line == t->line)
            continue;
        shown++;
        fprintf(stderr, "  from thread (%u,%u,%u), lane %u of warp %u: ", t->index.x, t->index.y, t->index.z, i % WARP,
                i / WARP);
        if (t->state == DONE)
            fprintf(stderr, "ended\n");
        else if (t->state == AT_BLOCK)
            fprintf(stderr, "waits for the block at line %d\n", t->line);
        else
            fprintf(stderr, "waits for lanes %08x at line %d\n", t->mask, t->line);
    }
    abort();
}

/* Returns false when every thread has ended. */
static bool pass_barrier(void)
{
    const thread *first = NULL;
    int n_true = 0, n = 0;
    for (const thread &t : threads) {
        if (t.state == DONE)
            continue;
        if (t.state != AT_BLOCK || (first && (first->line != t.line || first->bytes != t.bytes)))
            explain_hang();
        first = &t;
        n++;
        n_true += t.mask != 0;
    }
    if (!first)
        return false;
    int kind = (int)first->bytes;
    barrier_result = kind == HF_EMULATED_AND ? n_true == n : kind == HF_EMULATED_OR ? n_true > 0 : n_true;
    for (thread &t : threads)
        if (t.state == AT_BLOCK)
            t.state = READY;
    return true;
}

enum order { FORWARD, BACKWARD, RANDOM };

static order read_order(void)
{
    const char *text = getenv("HF_EMULATED_ORDER");
    if (!text || !*text || strcmp(text, "forward") == 0)
        return FORWARD;
    if (strcmp(text, "backward") == 0)
        return BACKWARD;
    shuffle_state = strtoull(text, NULL, 10) * 2 + 1;
    return RANDOM;
}

/* The i-th of n positions in the chosen order; a random one begins somewhere and wraps round. */
static unsigned nth(order o, unsigned i, unsigned n, unsigned start)
{
    return o == FORWARD ? i : o == BACKWARD ? n - 1 - i : (start + i) % n;
}

static unsigned random_below(unsigned n)
{
    shuffle_state = shuffle_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((shuffle_state >> 33) % n);
}

static bool run_warp(order o, unsigned w)
{
    unsigned first = w * WARP, n = (unsigned)threads.size() - first;
    bool ran_any = false, ran = true;
    if (n > WARP)
        n = WARP;
    while (ran) {
        ran = false;
        unsigned start = o == RANDOM ? random_below(n) : 0;
        for (unsigned i = 0; i < n; i++) {
            unsigned lane = nth(o, i, n, start);
            if (threads[first + lane].state == READY) {
                resume(first + lane);
                ran = ran_any = true;
            }
        }
    }
    return ran_any;
}

static void run_block(order o)
{
    unsigned n_warps = (unsigned)warps.size();
    do {
        unsigned start = o == RANDOM ? random_below(n_warps) : 0;
        for (unsigned i = 0; i < n_warps; i++)
            run_warp(o, nth(o, i, n_warps, start));
    } while (pass_barrier());
}

static void block_begin(void)
{
    dim3 size = running->block;
    for (unsigned i = 0; i < threads.size(); i++) {
        thread *t = &threads[i];
        t->state = READY;
        t->index = { i % size.x, i / size.x % size.y, i / size.x / size.y };
        t->n_exchanges = 0;
        t->mask = 0;
        if (t->copies)
            t->copies->assign(1, {});
    }
    for (unsigned i = 0; i < warps.size(); i++) {
        unsigned n = (unsigned)threads.size() - i * WARP;
        warps[i].exists = n >= WARP ? 0xffffffffu : (1u << n) - 1;
        warps[i].ended = warps[i].arrived = 0;
    }
    memset(hf_emulated_here.shared, 0xff, running->shared_bytes + CANARY_BYTES);
}

static void check_canary(void)
{
    const unsigned char *p = hf_emulated_here.shared + running->shared_bytes;
    for (int i = 0; i < CANARY_BYTES; i++)
        if (p[i] != 0xff)
            report("the block wrote past its %zu bytes of dynamic shared memory", running->shared_bytes);
}

static void threads_resize(size_t n)
{
    for (thread &t : threads) {
        free(t.own);
        delete t.copies;
    }
    threads.assign(n, thread{});
    warps.resize((n + WARP - 1) / WARP);
}

static void run_blocks(order o)
{
    dim3 g = running->grid;
    for (unsigned z = 0; z < g.z; z++)
        for (unsigned y = 0; y < g.y; y++)
            for (unsigned x = 0; x < g.x; x++) {
                hf_emulated_here.block = { x, y, z };
                block_begin();
                run_block(o);
                check_canary();
            }
}

void hf_emulated_run(const hf_emulated_grid &grid)
{
    unsigned char *shared = NULL;

    running = &grid;
    threads_resize((size_t)grid.block.x * grid.block.y * grid.block.z);
    hf_emulated_here.block_size = grid.block;
    hf_emulated_here.grid_size = grid.grid;
    if (posix_memalign((void **)&shared, SHARED_ALIGN, grid.shared_bytes + CANARY_BYTES + !grid.shared_bytes) != 0) {
        fprintf(stderr, "emulation: kernel %s: no memory for shared memory\n", grid.name);
        abort();
    }
    hf_emulated_here.shared = shared;
    run_blocks(read_order());
    free(shared);
    running = NULL;
}
