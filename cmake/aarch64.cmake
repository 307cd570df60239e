# Cross build for aarch64 on Debian; tests run under qemu-aarch64 (LATHE_QEMU_CPU picks the core:
# cortex-a72 is plain NEON, neoverse-n1 has dotprod, max has i8mm and bf16).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
set(LATHE_QEMU_CPU max CACHE STRING "CPU model that qemu-aarch64 shows to the tests")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64;-cpu;${LATHE_QEMU_CPU};-L;/usr/aarch64-linux-gnu)
set(fmt_DIR /usr/lib/aarch64-linux-gnu/cmake/fmt)
