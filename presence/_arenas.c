/* Memory for Python's small objects in huge pages (docs/decisions/0019-huge-pages.md; presence/huge_pages.py).

   CPython asks for arenas of 1 MiB, each a mapping of its own, and the kernel puts those into pages of 4 KiB unless
   somebody advises otherwise about a whole, aligned 2 MiB. Here arenas are cut from blocks that are advised so. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <sys/mman.h>

#define HUGE ((size_t)2 << 20)
/* CPython's ARENA_SIZE, two to a huge page. */
#define ARENA ((size_t)1 << 20)
/* Address space that is asked for at a time; what of it is not touched costs nothing. */
#define BLOCK ((size_t)256 << 20)
#define MOST_BLOCKS 4096

static PyObjectArenaAllocator before;
static int installed;
static char *blocks[MOST_BLOCKS];
static size_t count;
/* What is left of the newest block. */
static char *next;
static char *end;
/* Arenas that were given back, each with the address of another in its first word.  All are of one size: what was
   given back smaller and taken larger would reach into the memory of others. */
static void *unused;

static int
begin_block(void)
{
    if (count == MOST_BLOCKS) {
        return 0;
    }
    char *mapped = mmap(NULL, BLOCK + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        return 0;
    }
    char *aligned = (char *)(((uintptr_t)mapped + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
    if (aligned > mapped) {
        munmap(mapped, (size_t)(aligned - mapped));
    }
    if (mapped + HUGE > aligned) {
        munmap(aligned + BLOCK, (size_t)(mapped + HUGE - aligned));
    }
    /* Where the kernel knows no huge pages they are small ones. */
    (void)madvise(aligned, BLOCK, MADV_HUGEPAGE);
    blocks[count++] = aligned;
    next = aligned;
    end = aligned + BLOCK;
    return 1;
}

/* Called with the GIL held, as are all arena allocators. */
static void *
take(void *context, size_t size)
{
    (void)context;
    /* The interpreter asks here for its stacks as well, 16 KiB at a time and more. */
    if (size != ARENA) {
        return before.alloc(before.ctx, size);
    }
    if (unused != NULL) {
        void *found = unused;
        unused = *(void **)found;
        return found;
    }
    if (next == end && !begin_block()) {
        return before.alloc(before.ctx, size);
    }
    void *found = next;
    next += ARENA;
    return found;
}

static void
give_back(void *context, void *address, size_t size)
{
    (void)context;
    for (size_t index = size == ARENA ? count : 0; index-- > 0;) {
        if ((char *)address >= blocks[index] && (char *)address < blocks[index] + BLOCK) {
            /* Its memory goes to the system; the first word, and one small page with it, is kept. */
            (void)madvise(address, size, MADV_DONTNEED);
            *(void **)address = unused;
            unused = address;
            return;
        }
    }
    before.free(before.ctx, address, size);
}

static PyObject *
install(PyObject *module, PyObject *nothing)
{
    (void)module;
    (void)nothing;
    if (!installed) {
        PyObjectArenaAllocator ours = {NULL, take, give_back};
        PyObject_GetArenaAllocator(&before);
        PyObject_SetArenaAllocator(&ours);
        installed = 1;
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"install", install, METH_NOARGS, "Take arenas from huge pages from now on, in this process."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "presence._arenas", "Arenas of small objects in huge pages.", 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__arenas(void)
{
    return PyModule_Create(&definition);
}
