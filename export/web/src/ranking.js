/** Returns the likeliest classes, likeliest first: `[{label, probability}]`. Equals keep the order of the classes. */
export function ranking(probabilities, labels, top) {
  return Array.from(probabilities, (probability, i) => ({ label: labels[i], probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
}

/** Returns a class name as people write it: names of data sets have underscores for spaces. */
export const readable = (label) => label.replaceAll("_", " ");

/** Returns a probability as a percentage, which says 100% or 0% only if it is. */
export function percentage(probability) {
  const percent = 100 * probability;
  if (percent > 0 && percent < 0.1) return "< 0.1%";
  if (percent < 100 && percent > 99.9) return "> 99.9%";
  return `${percent.toFixed(1)}%`;
}
