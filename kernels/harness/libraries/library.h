// Other people's libraries as baselines, where the machine has them.
//
// They are opened at run time and their few functions declared here: a kernel compiles on a
// machine without them, and then is timed without a baseline. The declarations are those of
// the libraries' C interfaces, which are stable.
#pragma once

#include <dlfcn.h>

#include <cstdio>
#include <string>

#include "../cuda_check.h"

namespace harness {

class Library {
public:
    // `names`: files to try in turn, like libcublas.so.13. Says on stderr where none is found.
    Library(std::initializer_list<const char*> names) {
        for (const char* name : names)
            if (!handle) handle = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
        if (!handle)
            std::fprintf(stderr, "%s is not to be had: no baseline\n", *names.begin());
    }
    explicit operator bool() const { return handle != nullptr; }

    // The function `name`, whose type the caller vouches for.
    template <class Function>
    Function* get(const char* name) const {
        void* found = handle ? dlsym(handle, name) : nullptr;
        if (!found) throw Failure("library", std::string(name) + " is not in the library");
        return reinterpret_cast<Function*>(found);
    }

private:
    void* handle = nullptr;
};

inline void library_check(int status, const char* call) {
    if (status == 0) return;
    throw Failure("library", std::string(call) + " returned " + std::to_string(status));
}

}  // namespace harness

#define LIBRARY_CHECK(call) harness::library_check(int(call), #call)
