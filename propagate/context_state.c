/* context_state.c - what follows a drawn frame, to and from a file, see context.h.
 *
 *     saved_header   then of every recent frame the parts listed below   then hf_anchor_save's bytes
 *
 * In host order: a state goes on on the machine that wrote it. The drawn frame is not in it.
 */
#include <errno.h>
#include <string.h>

#include "propagate/context_parts.h"
#include "propagate/state_file.h"

/* What must agree for the rest to make sense. */
typedef struct saved_header {
    char    magic[8];
    int32_t W, H, D, L, n_recent;
    int32_t unused; /* keeps n_steps aligned without padding */
    int64_t n_steps;
} saved_header;

typedef struct part {
    void  *data;
    size_t bytes;
} part;

enum { N_PARTS = 6 };

static saved_header header_of(const hf_context *c)
{
    saved_header s = { .magic = "hfctx02", .W = c->W, .H = c->H, .D = c->D, .L = c->L,
                       .n_recent = c->p.n_recent, .n_steps = c->n_steps };
    return s;
}

/* Everything that is kept of the frame in one slot of refs. */
static void list_parts(part parts[N_PARTS], const hf_context *c, int slot)
{
    size_t n = (size_t)c->n_cells, nf = (size_t)c->fh * c->fw;
    const hf_context_reference *r = &c->refs[slot];
    const hf_fine_reference *f = &c->fine_refs[slot];
    const part all[N_PARTS] = {
        { r->packed, n * c->P },
        { r->labels, n * c->L * sizeof(float) },
        { r->xy, n * 2 * sizeof(float) },
        { f->patches, nf * HF_FINE_CHANNELS },
        { f->labels, nf * c->L * sizeof(float) },
        { f->xy, nf * 2 * sizeof(float) },
    };
    memcpy(parts, all, sizeof(all));
}

int hf_context_save(const hf_context *c, FILE *file, const char *path, hf_error *err)
{
    saved_header s = header_of(c);
    part parts[N_PARTS];
    int rc;
    if (fwrite(&s, sizeof(s), 1, file) != 1)
        return hf_fail(err, HF_EIO, "%s: state not written: %s", path, strerror(errno));
    for (int slot = 1; slot <= c->p.n_recent; slot++) {
        list_parts(parts, c, slot);
        for (int i = 0; i < N_PARTS; i++)
            if ((rc = hf_state_write(c->be, parts[i].data, parts[i].bytes, file, path, err)) < 0)
                return rc;
    }
    return hf_anchor_save(c->anchor, file, path, err);
}

int hf_context_load(hf_context *c, FILE *file, const char *path, hf_error *err)
{
    saved_header s, want = header_of(c);
    part parts[N_PARTS];
    int rc;
    if (fread(&s, sizeof(s), 1, file) != 1)
        return hf_fail(err, HF_EFORMAT, "%s: too short for a saved state", path);
    want.n_steps = s.n_steps;
    if (s.n_steps < 0 || memcmp(&s, &want, sizeof(s)) != 0)
        return hf_fail(err, HF_EFORMAT, "%s: saved with %d x %d pixels, %d labels, %d recent frames, "
                       "want %d x %d, %d, %d", path, s.W, s.H, s.L, s.n_recent, c->W, c->H, c->L,
                       c->p.n_recent);
    for (int slot = 1; slot <= c->p.n_recent; slot++) {
        list_parts(parts, c, slot);
        for (int i = 0; i < N_PARTS; i++)
            if ((rc = hf_state_read(c->be, parts[i].data, parts[i].bytes, file, path, err)) < 0)
                return rc;
    }
    c->n_steps = s.n_steps;
    return hf_anchor_load(c->anchor, file, path, err);
}
