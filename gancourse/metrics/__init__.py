"""Is it any good? One file a family of metrics: tensors in, plain numbers out; no chapter is known here.

digits           `digit_scores`: the four numbers of a digit generator in one call, and the protocol they follow
digit_cnn        `judge`: the classifier whose features they are computed on; `fit` and `publish` make it anew
frechet          `frechet` (FID) and `kernel` (KID) of two sets of features
coverage         `manifold`: precision, recall, density and coverage of two sets of features
modes            `toy_modes` and `stacked_modes`: how many modes are covered, and how evenly
conditional      does it make what it was asked for: `label_accuracy`, `trained_on_generated`, `class_coverage`
colour           `colour_scores`: is line art coloured as its truth is, and how far from the line art left alone
codes            what has a code learned: `matched`, `mutual_information`, `spearman`, `auc`, `best_code`
handwriting      `slant` and `stroke_width` of a picture, measured without a network
disentanglement  `factor_vae_score` and `mutual_information_gap`, where the factors are known
parzen           `parzen`: the 2014 log-likelihood estimate, kept to compare with 2014
cheats           samples that beat the Parzen window without generating anything
"""
