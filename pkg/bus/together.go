package bus

import "sync"

// atOnce is how many values are read or stored at the same time.
const atOnce = 16

// Together does something n times, several at once, and gives the first error
// by number. All have ended when it returns.
func Together(n int, do func(i int) error) error {
	errs := make([]error, n)
	numbers := make(chan int)
	var all sync.WaitGroup
	for range min(n, atOnce) {
		all.Go(func() {
			for i := range numbers {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
