package io.github.callouthq.callout.json;

/** A number of JSON that Java has no exact form for, or only a dear one: it keeps its text, and is written as it came. */
final class UnusualNumber extends Number {
    private static final long serialVersionUID = 1L;

    private final String text;

    UnusualNumber(String text) {
        this.text = text;
    }

    @Override
    public double doubleValue() {
        return Double.parseDouble(text);
    }

    @Override
    public float floatValue() {
        return (float) doubleValue();
    }

    @Override
    public long longValue() {
        return (long) doubleValue();
    }

    @Override
    public int intValue() {
        return (int) doubleValue();
    }

    @Override
    public String toString() {
        return text;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof UnusualNumber number && number.text.equals(text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }
}
