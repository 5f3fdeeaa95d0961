/* What ThreadSanitizer must be told of OpenMP.

libgomp is not built for ThreadSanitizer, which so cannot see that a parallel region waits
for its threads, and would report a race in every right program. The linker puts these
functions around libgomp's own (--wrap); each says which thread waits for which. For what is
not here (tasks, sections, ordered) it can still report where nothing is wrong. */
extern void __tsan_acquire(void *);
extern void __tsan_release(void *);

/* Parallel regions: what came before happens before the body, the body before what follows.
A loop with a schedule of its own has its bounds in the call. */
typedef void (*Body)(void *);

struct region {
    Body body;
    void *data;
    char forked, joined;
};

static void run_body(void *argument) {
    struct region *region = argument;
    __tsan_acquire(&region->forked);
    region->body(region->data);
    __tsan_release(&region->joined);
}

#define AROUND(region, call)                                                        \
    __tsan_release(&region.forked);                                                 \
    call;                                                                           \
    __tsan_acquire(&region.joined)

void __real_GOMP_parallel(Body, void *, unsigned, unsigned);
void __wrap_GOMP_parallel(Body body, void *data, unsigned threads, unsigned flags) {
    struct region region = {body, data, 0, 0};
    AROUND(region, __real_GOMP_parallel(run_body, &region, threads, flags));
}

#define CHUNKED(name)                                                               \
    void __real_##name(Body, void *, unsigned, long, long, long, long, unsigned);   \
    void __wrap_##name(Body body, void *data, unsigned threads, long start,         \
                       long end, long step, long chunk, unsigned flags) {           \
        struct region region = {body, data, 0, 0};                                  \
        AROUND(region, __real_##name(run_body, &region, threads, start, end, step,  \
                                     chunk, flags));                                \
    }
CHUNKED(GOMP_parallel_loop_dynamic)
CHUNKED(GOMP_parallel_loop_guided)
CHUNKED(GOMP_parallel_loop_nonmonotonic_dynamic)
CHUNKED(GOMP_parallel_loop_nonmonotonic_guided)

#define UNCHUNKED(name)                                                             \
    void __real_##name(Body, void *, unsigned, long, long, long, unsigned);         \
    void __wrap_##name(Body body, void *data, unsigned threads, long start,         \
                       long end, long step, unsigned flags) {                       \
        struct region region = {body, data, 0, 0};                                  \
        AROUND(region, __real_##name(run_body, &region, threads, start, end, step,  \
                                     flags));                                       \
    }
UNCHUNKED(GOMP_parallel_loop_runtime)
UNCHUNKED(GOMP_parallel_loop_maybe_nonmonotonic_runtime)

/* Barriers, and the end of a loop, which holds one. Two places in turn: a thread that is
already at the next barrier must not be taken for one that this barrier let go. */
static char arrived[2];
static __thread unsigned turn;

#define BARRIER(name)                                                               \
    void __real_##name(void);                                                       \
    void __wrap_##name(void) {                                                      \
        char *here = &arrived[turn++ & 1];                                          \
        __tsan_release(here);                                                       \
        __real_##name();                                                            \
        __tsan_acquire(here);                                                       \
    }
BARRIER(GOMP_barrier)
BARRIER(GOMP_loop_end)

/* Critical sections without and with a name, atomics that need a lock, locks. */
static char lock;

#define SECTION(name)                                                               \
    void __real_##name##_start(void);                                               \
    void __real_##name##_end(void);                                                 \
    void __wrap_##name##_start(void) {                                              \
        __real_##name##_start();                                                    \
        __tsan_acquire(&lock);                                                      \
    }                                                                               \
    void __wrap_##name##_end(void) {                                                \
        __tsan_release(&lock);                                                      \
        __real_##name##_end();                                                      \
    }
SECTION(GOMP_critical)
SECTION(GOMP_atomic)

#define LOCK(begin, finish)                                                         \
    void __real_##begin(void *);                                                    \
    void __real_##finish(void *);                                                   \
    void __wrap_##begin(void *which) {                                              \
        __real_##begin(which);                                                      \
        __tsan_acquire(which);                                                      \
    }                                                                               \
    void __wrap_##finish(void *which) {                                             \
        __tsan_release(which);                                                      \
        __real_##finish(which);                                                     \
    }
LOCK(GOMP_critical_name_start, GOMP_critical_name_end)
LOCK(omp_set_lock, omp_unset_lock)
