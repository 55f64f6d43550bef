// Package house holds the rules of the house, as tests: who may import whom,
// how long a file and a function may be, which words stay out, and that a file
// which a document names exists.
//
// There is nothing in it to import. Each rule is a table and a pure function;
// beside it stands a test that feeds the function something forbidden, so that
// a rule which no longer catches anything is seen.
package house
