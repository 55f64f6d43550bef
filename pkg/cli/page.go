package cli

import "context"

// pageSize is how many objects are asked for at once.
const pageSize = 1000

// eachPage shows the pages of a list as they come.
func eachPage[T any](ctx context.Context, fetch func(ctx context.Context, token string) (items []T, next string, err error), show func([]T) error) error {
	token := ""
	for {
		items, next, err := fetch(ctx, token)
		if err == nil {
			err = show(items)
		}
		if err != nil || next == "" {
			return err
		}
		token = next
	}
}
