# SPDX-License-Identifier: MIT
# The plots of README.md and docs/bench.md. Run here, by scripts/lib/bench-report.
set terminal svg size 820,440 font "sans-serif,14" background "white" linewidth 1.4
set grid back linecolor "#d8d8d8"
set border 3 linecolor "#606060"
set tics nomirror
set rmargin 4
set key top left reverse Left samplen 2 spacing 1.2
set style data linespoints
red = 0xc0392b; blue = 0x1f618d; green = 0x1e8449; grey = 0x808080

rows(file, figure, side) = sprintf("< awk -F'\\t' '$1 == \"%s\" && $2 == \"%s\"' data/%s.tsv", figure, side, file)
cell(file, figure, side) = real(system(sprintf("awk -F'\\t' '$1 == \"%s\" && $2 == \"%s\" { print $4 }' data/%s.tsv", figure, side, file)))

set output "submit.svg"
set title "One submission: what the CPU executes in the ioctl"
set xlabel "objects in the address space, all bound and resident"
set ylabel "instructions"
set logscale xy
set format x "%.0f"
set format y "10^{%L}"
set xrange [1:1e6]
set yrange [1000:1e8]
plot rows("submit", "submit", "execbuf2") using 3:4 title "execbuf2, which is told of each object" linecolor rgb red pointtype 7, \
     rows("submit", "submit", "shared") using 3:4 title "EXECBUFFER3, shared objects" linecolor rgb blue pointtype 5, \
     rows("submit", "submit", "private") using 3:4 title "EXECBUFFER3, objects private to the address space" linecolor rgb green pointtype 9

set output "bind.svg"
set title "A bind and its unbind: what the CPU executes in the ioctls"
set xlabel "bytes bound, resident"
set format x "%.0b %BB"
set logscale x 2
set xtics 4096, 16
set xrange [4096:2**30]
set yrange [1000:1e8]
plot rows("size", "bind+unbind-4k", "execbuf2") using 3:4 title "execbuf2, 4 KiB pages" linecolor rgb red pointtype 7, \
     rows("size", "bind+unbind-2m", "execbuf2") using 3:4 title "execbuf2, 2 MiB pages" linecolor rgb red pointtype 6 dashtype 2, \
     rows("size", "bind+unbind-4k", "private") using 3:4 title "VM\\_BIND, 4 KiB pages" linecolor rgb green pointtype 9, \
     rows("size", "bind+unbind-2m", "private") using 3:4 title "VM\\_BIND, 2 MiB pages" linecolor rgb green pointtype 8 dashtype 2, \
     rows("floors", "floor-stores", "stores") using 3:4 title "storing as many entries" linecolor rgb grey pointtype 1

set output "memory.svg"
set bmargin 4
set title "A bound page: kernel memory, without its object and page tables"
unset logscale
unset xlabel
set ylabel "bytes"
set format "%g"
set yrange [0:*]
set xrange [-0.6:3.6]
set xtics ("execbuf2, used once" 0, "of that, i915\\_vma\nand its resource" 1, "VM\\_BIND,\nshared object" 2, "VM\\_BIND,\nprivate object" 3)
set style fill solid 0.8
set boxwidth 0.55
unset key
array bytes[4] = [cell("memory", "memory-used", "execbuf2"), \
	cell("memory", "memory-structs", "i915_vma") + cell("memory", "memory-structs", "i915_vma_resource"), \
	cell("memory", "memory-used", "shared"), cell("memory", "memory-used", "private")]
array colour[4] = [red, red, blue, green]
plot bytes using ($1 - 1):2:(colour[$1]) with boxes linecolor rgb variable, \
     bytes using ($1 - 1):2:(sprintf("%.0f", $2)) with labels offset 0,0.8
