// net/http with a Flusher: a goroutine for each stream, which sleeps until a chunk is due, prints it and flushes.
// Arguments: the listener's descriptor, interval in ns, chunks, text. See peers/work.py for the rest.
package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

var (
	begin     = time.Now()
	beginNs   = monotonicNs()
	interval  = argument(2)
	chunks    = argument(3)
	text      = os.Args[4]
	mutex     sync.Mutex
	emissions []int64
	streams   sync.WaitGroup
)

// The clock of the other servers. Go does not show its own reading of it, so one is taken beside time.Now().
func monotonicNs() int64 {
	const clockMonotonic = 1
	var at syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&at)), 0)
	return at.Nano()
}

func nowNs() int64 { return beginNs + time.Since(begin).Nanoseconds() }

func argument(index int) int64 {
	value, err := strconv.ParseInt(os.Args[index], 10, 64)
	if err != nil {
		panic(err)
	}
	return value
}

func stream(w http.ResponseWriter, r *http.Request) {
	streams.Add(1)
	defer streams.Done()
	startNs := nowNs()
	mine := make([]int64, 0, 2*chunks)
	w.Header().Set("Content-Type", "text/event-stream")
	flusher := w.(http.Flusher)
	flusher.Flush()
	for index := int64(0); index < chunks && r.Context().Err() == nil; index++ {
		dueNs := startNs + index*interval
		time.Sleep(time.Duration(dueNs - nowNs()))
		mine = append(mine, dueNs, nowNs())
		fmt.Fprintf(w, "data: %s\n\n", text)
		flusher.Flush()
	}
	mutex.Lock()
	emissions = append(emissions, mine...)
	mutex.Unlock()
}

func main() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	listener, err := net.FileListener(os.NewFile(uintptr(argument(1)), "listener"))
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, http.HandlerFunc(stream))
	<-told
	streams.Wait()
	binary.Write(os.Stdout, binary.LittleEndian, emissions)
}
