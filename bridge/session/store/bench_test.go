package store

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/session/store/storetest"
)

// BenchmarkStore is what a request costs: a Load, and a Swap if the app has changed its
// session, of 2 KB.
func BenchmarkStore(b *testing.B) {
	stores := map[string]func(b *testing.B) Store{
		"Memory":            func(*testing.B) Store { return NewMemory(MemoryOptions{}) },
		"Encrypted(Memory)": func(b *testing.B) Store { return encrypt(b, NewMemory(MemoryOptions{}), "a") },
		"Redis":             func(b *testing.B) Store { return openRedis(b, "redis://"+storetest.Start(b).Addr) },
		"Failover(Encrypted(Redis))": func(b *testing.B) Store {
			return NewFailover(encrypt(b, openRedis(b, "redis://"+storetest.Start(b).Addr), "a"), NewMemory(MemoryOptions{}))
		},
	}
	ctx := context.Background()
	for _, name := range []string{"Memory", "Encrypted(Memory)", "Redis", "Failover(Encrypted(Redis))"} {
		b.Run(name, func(b *testing.B) {
			s := stores[name](b)
			values := [][]byte{bytes.Repeat([]byte("a"), 2000), bytes.Repeat([]byte("b"), 2000)}
			e, _, err := s.Swap(ctx, "key", Entry{}, values[0], time.Hour)
			if err != nil {
				b.Fatal(err)
			}
			b.Run("Load", func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := s.Load(ctx, "key"); err != nil {
							b.Error(err)
						}
					}
				})
			})
			b.Run("Swap", func(b *testing.B) {
				b.ReportAllocs()
				for i := 1; b.Loop(); i++ {
					if e, _, err = s.Swap(ctx, "key", e, values[i%2], time.Hour); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// BenchmarkMemoryFull: room is made by every Swap.
func BenchmarkMemoryFull(b *testing.B) {
	m := NewMemory(MemoryOptions{MaxEntries: 10_000})
	value := make([]byte, 2000)
	ctx := context.Background()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, _, err := m.Swap(ctx, fmt.Sprint(i), Entry{}, value, time.Hour); err != nil {
			b.Fatal(err)
		}
	}
}
