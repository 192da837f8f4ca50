/* pickle.c - the machine of pickle.h: a stack, marks on it, and a memo. What names and calls mean is in
 * pickle_globals.c.
 *
 * Every opcode makes at most one value, lists grow by doubling, and texts stay where they are, so memory is
 * bounded by some hundred bytes a byte of pickle; MAX_MEMORY bounds it for pickles that are long on purpose. Values may
 * hold themselves (a list in its own items); nothing here follows them.
 */
#include "io/pickle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/pickle_machine.h"

#define BLOCK_BYTES ((size_t)64 << 10)
#define MAX_MEMORY ((size_t)256 << 20) /* a checkpoint of 2000 arrays with its optimiser takes 5 MB */

enum {
    OP_MARK = '(', OP_STOP = '.', OP_POP = '0', OP_POP_MARK = '1', OP_DUP = '2', OP_BININT = 'J', OP_BININT1 = 'K',
    OP_BININT2 = 'M', OP_NONE = 'N', OP_BINPERSID = 'Q', OP_REDUCE = 'R', OP_BINSTRING = 'T', OP_SHORT_BINSTRING = 'U',
    OP_BINUNICODE = 'X', OP_EMPTY_LIST = ']', OP_APPEND = 'a', OP_BUILD = 'b', OP_GLOBAL = 'c', OP_DICT = 'd',
    OP_APPENDS = 'e', OP_BINGET = 'h', OP_LONG_BINGET = 'j', OP_LIST = 'l', OP_BINPUT = 'q', OP_LONG_BINPUT = 'r',
    OP_SETITEM = 's', OP_TUPLE = 't', OP_SETITEMS = 'u', OP_EMPTY_DICT = '}', OP_EMPTY_TUPLE = ')', OP_BINFLOAT = 'G',
    OP_BINBYTES = 'B', OP_SHORT_BINBYTES = 'C', OP_PROTO = 0x80, OP_NEWOBJ = 0x81, OP_TUPLE1 = 0x85, OP_TUPLE2 = 0x86,
    OP_TUPLE3 = 0x87, OP_NEWTRUE = 0x88, OP_NEWFALSE = 0x89, OP_LONG1 = 0x8a, OP_LONG4 = 0x8b, OP_SHORT_BINUNICODE = 0x8c,
    OP_BINUNICODE8 = 0x8d, OP_BINBYTES8 = 0x8e, OP_EMPTY_SET = 0x8f, OP_ADDITEMS = 0x90, OP_FROZENSET = 0x91,
    OP_STACK_GLOBAL = 0x93, OP_MEMOIZE = 0x94, OP_FRAME = 0x95
};

typedef struct hf_pickle_machine machine;
typedef struct hf_pickle_value   value;

typedef struct hf_pickle_block {
    struct hf_pickle_block *next;
    size_t                  used, size;
    _Alignas(16) unsigned char data[];
} hf_pickle_block;

int hf_pickle_fail(const machine *m, hf_status status, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return hf_fail(m->err, status, "%s: pickle, byte %zu: %s", m->path, m->opcode_at, text);
}

int hf_pickle_alloc(machine *m, void **out, size_t n_bytes)
{
    hf_pickle *p = m->pickle;
    hf_pickle_block *b = p->blocks;

    *out = NULL;
    /* The last block may have gone beyond the bound. */
    if (p->block_bytes > MAX_MEMORY || n_bytes > MAX_MEMORY - p->block_bytes)
        return hf_pickle_fail(m, HF_ENOMEM, "wants more than %zu MB for its values", MAX_MEMORY >> 20);
    n_bytes = (n_bytes + 15) / 16 * 16;
    if (!b || b->size - b->used < n_bytes) {
        size_t size = n_bytes > BLOCK_BYTES / 4 ? n_bytes : BLOCK_BYTES;
        if (!(b = calloc(1, sizeof(*b) + size)))
            return hf_pickle_fail(m, HF_ENOMEM, "out of memory");
        *b = (hf_pickle_block){ .next = p->blocks, .size = size };
        p->blocks = b;
        p->block_bytes += size;
    }
    *out = b->data + b->used;
    b->used += n_bytes;
    return HF_OK;
}

int hf_pickle_new_value(machine *m, value **out, hf_pickle_kind kind)
{
    void *v;
    int rc = hf_pickle_alloc(m, &v, sizeof(**out));
    if ((*out = v))
        (*out)->kind = kind;
    return rc;
}

int hf_pickle_append(machine *m, hf_pickle_items *items, value *const *values, size_t n)
{
    if (items->room - items->n < n) {
        size_t room = items->room ? 2 * items->room : 4;
        void *larger;
        int rc;
        if (room - items->n < n)
            room = items->n + n;
        if ((rc = hf_pickle_alloc(m, &larger, room * sizeof(*items->at))) < 0)
            return rc;
        if (items->n)
            memcpy(larger, items->at, items->n * sizeof(*items->at));
        items->at = larger, items->room = room;
    }
    if (n)
        memcpy(items->at + items->n, values, n * sizeof(*values));
    items->n += n;
    return HF_OK;
}

/* ---- reading the bytes ---- */

static int take(machine *m, const uint8_t **out, uint64_t n)
{
    *out = m->bytes + m->at;
    if (n > m->n_bytes - m->at)
        return hf_pickle_fail(m, HF_EFORMAT, "ends inside an opcode");
    m->at += (size_t)n;
    return HF_OK;
}

/* An unsigned number of size bytes, little endian. */
static int take_number(machine *m, uint64_t *out, int size)
{
    const uint8_t *p;
    int rc = take(m, &p, (uint64_t)size);
    *out = 0;
    if (rc >= 0)
        while (size-- > 0)
            *out = *out << 8 | p[size];
    return rc;
}

/* Its length in size bytes, then that many bytes. */
static int take_text(machine *m, hf_pickle_text *out, int size)
{
    const uint8_t *p;
    uint64_t n;
    int rc = take_number(m, &n, size);
    *out = (hf_pickle_text){ "", 0 };
    if (rc >= 0 && (rc = take(m, &p, n)) >= 0)
        *out = (hf_pickle_text){ (const char *)p, (size_t)n };
    return rc;
}

static int take_line(machine *m, hf_pickle_text *out)
{
    const uint8_t *begin = m->bytes + m->at, *end = memchr(begin, '\n', m->n_bytes - m->at);
    *out = (hf_pickle_text){ (const char *)begin, end ? (size_t)(end - begin) : 0 };
    if (!end)
        return hf_pickle_fail(m, HF_EFORMAT, "ends inside a name");
    m->at += out->n + 1;
    return HF_OK;
}

/* ---- the stack ---- */

static int push(machine *m, value *v) { return hf_pickle_append(m, &m->stack, &v, 1); }

static int push_new(machine *m, hf_pickle_kind kind, value **out)
{
    int rc = hf_pickle_new_value(m, out, kind);
    return rc < 0 ? rc : push(m, *out);
}

static int need(const machine *m, size_t n)
{
    return m->stack.n - m->bottom >= n ? HF_OK : hf_pickle_fail(m, HF_EFORMAT, "takes more from the stack than there is");
}

static int pop(machine *m, value **out)
{
    int rc = need(m, 1);
    *out = rc < 0 ? NULL : m->stack.at[--m->stack.n];
    return rc;
}

static int push_mark(machine *m)
{
    if (m->n_marks == m->room_marks) {
        size_t room = m->room_marks ? 2 * m->room_marks : 16;
        void *larger;
        int rc = hf_pickle_alloc(m, &larger, room * sizeof(*m->marks));
        if (rc < 0)
            return rc;
        if (m->n_marks)
            memcpy(larger, m->marks, m->n_marks * sizeof(*m->marks));
        m->marks = larger, m->room_marks = room;
    }
    m->marks[m->n_marks++] = m->bottom = m->stack.n;
    return HF_OK;
}

/* Everything above the last mark; it stays valid until something is pushed. */
static int pop_mark(machine *m, value ***items, size_t *n)
{
    *items = NULL, *n = 0;
    if (!m->n_marks)
        return hf_pickle_fail(m, HF_EFORMAT, "goes back to a mark that was never set");
    size_t height = m->marks[--m->n_marks];
    *items = m->stack.n ? m->stack.at + height : NULL;
    *n = m->stack.n - height;
    m->stack.n = height;
    m->bottom = m->n_marks ? m->marks[m->n_marks - 1] : 0;
    return HF_OK;
}

/* ---- the memo ---- */

/* Python numbers what it puts one after the other; a memo larger than the pickle could fill is refused. */
static int put(machine *m, uint64_t index)
{
    static value *const nothing[64];
    int rc = need(m, 1);
    if (rc < 0)
        return rc;
    if (index > m->at)
        return hf_pickle_fail(m, HF_EFORMAT, "puts number %llu into its memo", (unsigned long long)index);
    while (m->memo.n <= index) {
        size_t more = index + 1 - m->memo.n;
        if ((rc = hf_pickle_append(m, &m->memo, nothing, more < 64 ? more : 64)) < 0)
            return rc;
    }
    m->memo.at[index] = m->stack.at[m->stack.n - 1];
    return HF_OK;
}

static int put_numbered(machine *m, int size)
{
    uint64_t index;
    int rc = take_number(m, &index, size);
    return rc < 0 ? rc : put(m, index);
}

static int get(machine *m, int size)
{
    uint64_t index;
    int rc = take_number(m, &index, size);
    if (rc < 0)
        return rc;
    if (index >= m->memo.n || !m->memo.at[index])
        return hf_pickle_fail(m, HF_EFORMAT, "gets number %llu of its memo, which was never put", (unsigned long long)index);
    return push(m, m->memo.at[index]);
}

/* ---- opcodes ---- */

static int push_integer(machine *m, hf_pickle_kind kind, int64_t integer)
{
    value *v;
    int rc = push_new(m, kind, &v);
    if (rc >= 0)
        v->integer = integer;
    return rc;
}

static int push_number_of_size(machine *m, int size)
{
    uint64_t n;
    int rc = take_number(m, &n, size);
    if (rc < 0)
        return rc;
    return push_integer(m, HF_PICKLE_INT, size == 4 ? (int32_t)(uint32_t)n : (int64_t)n); /* only the long one is signed */
}

static int push_text(machine *m, hf_pickle_kind kind, int size)
{
    hf_pickle_text text;
    value *v;
    int rc = take_text(m, &text, size);
    if (rc >= 0 && (rc = push_new(m, kind, &v)) >= 0)
        v->text = text;
    return rc;
}

/* Two's complement of any length. */
static int push_long(machine *m, int size)
{
    hf_pickle_text text;
    value *v;
    int rc = take_text(m, &text, size);
    if (rc < 0)
        return rc;
    if (text.n <= 8) {
        uint64_t n = text.n && text.bytes[text.n - 1] & 0x80 ? UINT64_MAX : 0;
        for (size_t i = text.n; i-- > 0;)
            n = n << 8 | (uint8_t)text.bytes[i];
        return push_integer(m, HF_PICKLE_INT, (int64_t)n);
    }
    if ((rc = push_new(m, HF_PICKLE_LONG, &v)) >= 0)
        v->text = text;
    return rc;
}

static int push_float(machine *m)
{
    const uint8_t *p;
    value *v;
    uint64_t bits = 0;
    int rc = take(m, &p, 8);
    if (rc < 0 || (rc = push_new(m, HF_PICKLE_FLOAT, &v)) < 0)
        return rc;
    for (int i = 0; i < 8; i++) /* big endian, unlike the rest */
        bits = bits << 8 | p[i];
    memcpy(&v->number, &bits, sizeof(bits));
    return HF_OK;
}

/* A tuple, list or dictionary of the n values at items, which lie above the stack. */
static int push_items(machine *m, hf_pickle_kind kind, value **items, size_t n)
{
    value *v;
    int rc;
    if (kind == HF_PICKLE_DICT && n % 2)
        return hf_pickle_fail(m, HF_EFORMAT, "a dictionary has a key without a value");
    if ((rc = hf_pickle_new_value(m, &v, kind)) < 0 || (rc = hf_pickle_append(m, &v->items, items, n)) < 0)
        return rc;
    return push(m, v);
}

static int push_marked(machine *m, hf_pickle_kind kind)
{
    value **items;
    size_t n;
    int rc = pop_mark(m, &items, &n);
    return rc < 0 ? rc : push_items(m, kind, items, n);
}

static int push_short_tuple(machine *m, size_t n)
{
    int rc = need(m, n);
    if (rc < 0)
        return rc;
    m->stack.n -= n;
    return push_items(m, HF_PICKLE_TUPLE, m->stack.at + m->stack.n, n);
}

/* n values join the list or dictionary on top of the stack. */
static int extend(machine *m, hf_pickle_kind kind, value **items, size_t n)
{
    int rc = need(m, 1);
    if (rc < 0)
        return rc;
    value *container = m->stack.at[m->stack.n - 1];
    if (container->kind != kind || (kind == HF_PICKLE_DICT && n % 2))
        return hf_pickle_fail(m, HF_EFORMAT, "adds items to what is no %s", kind == HF_PICKLE_DICT ? "dictionary" : "list");
    return hf_pickle_append(m, &container->items, items, n);
}

static int extend_marked(machine *m, hf_pickle_kind kind)
{
    value **items;
    size_t n;
    int rc = pop_mark(m, &items, &n);
    return rc < 0 ? rc : extend(m, kind, items, n);
}

static int extend_by(machine *m, hf_pickle_kind kind, size_t n)
{
    int rc = need(m, n);
    if (rc < 0)
        return rc;
    m->stack.n -= n;
    return extend(m, kind, m->stack.at + m->stack.n, n);
}

static int push_global(machine *m)
{
    hf_pickle_text module, name;
    value *v;
    int rc;
    if ((rc = take_line(m, &module)) < 0 || (rc = take_line(m, &name)) < 0 ||
        (rc = hf_pickle_find_global(m, &v, module, name)) < 0)
        return rc;
    return push(m, v);
}

static int push_stack_global(machine *m)
{
    value *module, *name, *v;
    int rc;
    if ((rc = pop(m, &name)) < 0 || (rc = pop(m, &module)) < 0)
        return rc;
    if (module->kind != HF_PICKLE_STRING || name->kind != HF_PICKLE_STRING)
        return hf_pickle_fail(m, HF_EFORMAT, "a name is no string");
    return (rc = hf_pickle_find_global(m, &v, module->text, name->text)) < 0 ? rc : push(m, v);
}

static int call(machine *m)
{
    value *arguments, *function, *v;
    int rc;
    if ((rc = pop(m, &arguments)) < 0 || (rc = pop(m, &function)) < 0 ||
        (rc = hf_pickle_call(m, &v, function, arguments)) < 0)
        return rc;
    return push(m, v);
}

static int build(machine *m)
{
    value *state;
    int rc;
    if ((rc = pop(m, &state)) < 0 || (rc = need(m, 1)) < 0)
        return rc;
    return hf_pickle_set_state(m, m->stack.at[m->stack.n - 1], state);
}

static int push_storage(machine *m)
{
    value *id, *v;
    int rc;
    if ((rc = pop(m, &id)) < 0 || (rc = hf_pickle_load_storage(m, &v, id)) < 0)
        return rc;
    return push(m, v);
}

static int duplicate(machine *m)
{
    int rc = need(m, 1);
    return rc < 0 ? rc : push(m, m->stack.at[m->stack.n - 1]);
}

static int check_protocol(machine *m)
{
    uint64_t n;
    int rc = take_number(m, &n, 1);
    if (rc < 0 || (n >= 2 && n <= 5))
        return rc;
    return hf_pickle_fail(m, HF_EUNSUPPORTED, "of protocol %llu, want 2 to 5", (unsigned long long)n);
}

/* A frame only says how much to read ahead. */
static int check_frame(machine *m)
{
    uint64_t n;
    int rc = take_number(m, &n, 8);
    if (rc < 0 || n <= m->n_bytes - m->at)
        return rc;
    return hf_pickle_fail(m, HF_EFORMAT, "a frame of %llu bytes, %zu are left", (unsigned long long)n, m->n_bytes - m->at);
}

static int step(machine *m, int op)
{
    value *v, **items;
    size_t n;

    switch (op) {
    case OP_PROTO:           return check_protocol(m);
    case OP_FRAME:           return check_frame(m);
    case OP_MARK:            return push_mark(m);
    case OP_POP:             return pop(m, &v);
    case OP_POP_MARK:        return pop_mark(m, &items, &n);
    case OP_DUP:             return duplicate(m);
    case OP_NONE:            return push_new(m, HF_PICKLE_NONE, &v);
    case OP_NEWTRUE:         return push_integer(m, HF_PICKLE_BOOL, 1);
    case OP_NEWFALSE:        return push_integer(m, HF_PICKLE_BOOL, 0);
    case OP_BININT:          return push_number_of_size(m, 4);
    case OP_BININT1:         return push_number_of_size(m, 1);
    case OP_BININT2:         return push_number_of_size(m, 2);
    case OP_LONG1:           return push_long(m, 1);
    case OP_LONG4:           return push_long(m, 4);
    case OP_BINFLOAT:        return push_float(m);
    case OP_SHORT_BINSTRING:
    case OP_SHORT_BINUNICODE: return push_text(m, HF_PICKLE_STRING, 1);
    case OP_BINSTRING:
    case OP_BINUNICODE:      return push_text(m, HF_PICKLE_STRING, 4);
    case OP_BINUNICODE8:     return push_text(m, HF_PICKLE_STRING, 8);
    case OP_SHORT_BINBYTES:  return push_text(m, HF_PICKLE_BYTES, 1);
    case OP_BINBYTES:        return push_text(m, HF_PICKLE_BYTES, 4);
    case OP_BINBYTES8:       return push_text(m, HF_PICKLE_BYTES, 8);
    case OP_EMPTY_TUPLE:     return push_new(m, HF_PICKLE_TUPLE, &v);
    case OP_EMPTY_SET:
    case OP_EMPTY_LIST:      return push_new(m, HF_PICKLE_LIST, &v);
    case OP_EMPTY_DICT:      return push_new(m, HF_PICKLE_DICT, &v);
    case OP_TUPLE:           return push_marked(m, HF_PICKLE_TUPLE);
    case OP_FROZENSET:
    case OP_LIST:            return push_marked(m, HF_PICKLE_LIST);
    case OP_DICT:            return push_marked(m, HF_PICKLE_DICT);
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:          return push_short_tuple(m, (size_t)(op - OP_TUPLE1 + 1));
    case OP_APPEND:          return extend_by(m, HF_PICKLE_LIST, 1);
    case OP_ADDITEMS:
    case OP_APPENDS:         return extend_marked(m, HF_PICKLE_LIST);
    case OP_SETITEM:         return extend_by(m, HF_PICKLE_DICT, 2);
    case OP_SETITEMS:        return extend_marked(m, HF_PICKLE_DICT);
    case OP_BINPUT:          return put_numbered(m, 1);
    case OP_LONG_BINPUT:     return put_numbered(m, 4);
    case OP_MEMOIZE:         return put(m, m->memo.n);
    case OP_BINGET:          return get(m, 1);
    case OP_LONG_BINGET:     return get(m, 4);
    case OP_GLOBAL:          return push_global(m);
    case OP_STACK_GLOBAL:    return push_stack_global(m);
    case OP_NEWOBJ:
    case OP_REDUCE:          return call(m);
    case OP_BUILD:           return build(m);
    case OP_BINPERSID:       return push_storage(m);
    default:                 return hf_pickle_fail(m, HF_EUNSUPPORTED, "opcode 0x%02x is not read", (unsigned)op);
    }
}

static int run(machine *m)
{
    for (;;) {
        const uint8_t *op;
        value *top;
        int rc;

        m->opcode_at = m->at;
        if ((rc = take(m, &op, 1)) < 0)
            return rc;
        if (*op != OP_STOP) {
            if ((rc = step(m, *op)) < 0)
                return rc;
            continue;
        }
        if ((rc = pop(m, &top)) < 0)
            return rc;
        m->pickle->top = top;
        m->pickle->n_bytes = m->at;
        return HF_OK;
    }
}

int hf_pickle_open(hf_pickle *out, const uint8_t *bytes, size_t n_bytes, const char *path, hf_error *err)
{
    machine m = { .pickle = out, .path = path, .err = err, .bytes = bytes, .n_bytes = n_bytes };

    *out = (hf_pickle){ .top = NULL };
    int rc = run(&m);
    if (rc < 0)
        hf_pickle_close(out);
    return rc;
}

void hf_pickle_close(hf_pickle *p)
{
    for (hf_pickle_block *next, *b = p->blocks; b; b = next) {
        next = b->next;
        free(b);
    }
    *p = (hf_pickle){ .top = NULL };
}
