/* session_ahead_thread.c - the thread that makes features ahead where there is no GPU with a queue of its own. */
#include <pthread.h>
#include <stdlib.h>

#include "propagate/session.h"

struct hf_ahead_thread {
    hf_session     *session; /* borrowed */
    pthread_t       thread;
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    hf_ahead_batch *given[HF_AHEAD_BATCHES];
    int64_t         n_given, n_done, n_waited; /* batches so far; under the lock */
    bool            ends;
};

static void *work(void *context)
{
    hf_ahead_thread *t = context;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        while (t->n_done == t->n_given && !t->ends)
            pthread_cond_wait(&t->changed, &t->lock);
        if (t->n_done == t->n_given)
            break;
        hf_ahead_batch *b = t->given[t->n_done % HF_AHEAD_BATCHES];
        pthread_mutex_unlock(&t->lock);
        b->failed = hf_session_ahead_extract(t->session, b, &b->err);
        pthread_mutex_lock(&t->lock);
        t->n_done++;
        pthread_cond_broadcast(&t->changed);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

int hf_ahead_thread_open(hf_ahead_thread **out, hf_session *s, hf_error *err)
{
    hf_ahead_thread *t = calloc(1, sizeof(*t));
    *out = NULL;
    if (!t)
        return hf_fail(err, HF_ENOMEM, "session: out of memory");
    t->session = s;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    if (pthread_create(&t->thread, NULL, work, t) != 0) {
        pthread_mutex_destroy(&t->lock);
        pthread_cond_destroy(&t->changed);
        free(t);
        return hf_fail(err, HF_ENOMEM, "session: no thread for the features of the next frames");
    }
    *out = t;
    return HF_OK;
}

void hf_ahead_thread_close(hf_ahead_thread **thread)
{
    hf_ahead_thread *t = *thread;
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->ends = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
    free(t);
    *thread = NULL;
}

void hf_ahead_thread_give(hf_ahead_thread *t, hf_ahead_batch *b)
{
    pthread_mutex_lock(&t->lock);
    t->given[t->n_given++ % HF_AHEAD_BATCHES] = b;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

void hf_ahead_thread_wait_for(hf_ahead_thread *t)
{
    pthread_mutex_lock(&t->lock);
    t->n_waited++;
    while (t->n_done < t->n_waited)
        pthread_cond_wait(&t->changed, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

void hf_ahead_thread_wait_idle(hf_ahead_thread *t)
{
    pthread_mutex_lock(&t->lock);
    while (t->n_done != t->n_given)
        pthread_cond_wait(&t->changed, &t->lock);
    t->n_waited = t->n_done;
    pthread_mutex_unlock(&t->lock);
}
